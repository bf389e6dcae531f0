/** The table of symptoms: which statuses, SQLSTATEs and words go with which type of failure. */

import type { FailureType } from "../core/healing.ts";

/** How much speaks for each type; absent: nothing. */
export type Weights = Readonly<Partial<Record<FailureType, number>>>;

/** HTTP statuses of answers. Source: RFC 9110, RFC 6585, and what gateways use beyond them. */
export const STATUSES: Readonly<Record<number, Weights>> = {
  400: { validation: 4.5 },
  401: { auth: 6 },
  402: { rate_limit: 3, validation: 3 },
  403: { auth: 5 },
  404: { partial_endpoint: 3.5, data_quality: 3 },
  405: { partial_endpoint: 5 },
  406: { contract_drift: 4.5 },
  408: { timeout: 5 },
  409: { ambiguous_side_effect: 4.5 },
  410: { partial_endpoint: 5 },
  413: { poison: 4, data_quality: 3.5 },
  415: { contract_drift: 5 },
  422: { validation: 5.5 },
  426: { contract_drift: 4.5 },
  428: { contract_drift: 4 },
  429: { rate_limit: 6.5 },
  431: { validation: 4 },
  451: { auth: 4 },
  498: { auth: 6 },
  499: { timeout: 4 },
  500: { dependency_down: 2, partial_endpoint: 1.5 },
  501: { partial_endpoint: 5.5 },
  502: { dependency_down: 5 },
  503: { dependency_down: 5, overload: 3.5 },
  504: { timeout: 5.5, dependency_down: 2 },
  507: { storage: 6 },
  508: { poison: 3.5 },
  511: { auth: 5 },
  521: { dependency_down: 5.5 },
  522: { dependency_down: 4.5, timeout: 4 },
  523: { dependency_down: 5.5 },
  524: { timeout: 5.5 },
  525: { auth: 4.5 },
  526: { auth: 5 },
  529: { overload: 6 },
};

/** SQLSTATEs, and their classes by two characters. Source: PostgreSQL, appendix A. */
export const SQL_CLASSES: Readonly<Record<string, Weights>> = {
  "08": { dependency_down: 5 },
  "0A": { contract_drift: 3.5, config: 3 },
  "21": { data_quality: 4 },
  "22": { data_quality: 4.5, validation: 3.5 },
  "23": { data_quality: 4.5, validation: 3.5 },
  "23505": { ambiguous_side_effect: 5 },
  "25006": { storage: 4.5, config: 3 },
  "28": { auth: 6 },
  "3D": { config: 5.5 },
  "40": { overload: 4.5 },
  "42": { deploy_regression: 4.5, contract_drift: 4.5 },
  "42501": { auth: 5.5 },
  "53": { resource: 5 },
  "53100": { storage: 6.5 },
  "53200": { resource: 6.5 },
  "53300": { overload: 6 },
  "54": { resource: 4, poison: 3.5 },
  "55P03": { timeout: 4.5, overload: 4 },
  "57014": { timeout: 6 },
  "57P01": { dependency_down: 6 },
  "57P02": { dependency_down: 6 },
  "57P03": { dependency_down: 6 },
  "58": { storage: 6 },
  "XX": { storage: 4.5 },
  "XX001": { storage: 6.5 },
  "XX002": { storage: 6.5 },
};

/** Words in codes and messages. Patterns have no unbounded repetition. */
export const WORDS: readonly (readonly [FailureType, number, RegExp])[] = [
  // Time
  ["timeout", 5, /time[d]?[ _-]?out|timeout|deadline[ _](?:was )?exceeded/i],
  [
    "timeout",
    5,
    /took (?:too long|longer than)|(?:no|without an?) (?:answer|reply|response) (?:with)?in\b/i,
  ],
  [
    "timeout",
    4.5,
    /(?:did not|didn't|failed to|never) (?:answer|respond|reply|complete|finish|return)\b/i,
  ],
  [
    "timeout",
    4.5,
    /exceeded the (?:time|maximum (?:time|duration))|time limit|max(?:imum)? (?:run|elapsed) ?time|gave up (?:waiting )?after/i,
  ],
  [
    "timeout",
    4,
    /(?:context|request|call|operation) (?:was )?(?:cancel+ed|aborted)(?: (?:due to|after|because))/i,
  ],
  // Load
  [
    "overload",
    5.5,
    /over-?load|at (?:full )?capacity|capacity (?:exceeded|reached|exhausted)|under (?:heavy|high) load|load[ -]?shed/i,
  ],
  [
    "overload",
    5.5,
    /too busy|server (?:is )?busy|busy,? (?:try|please|retry)|saturat|back-?pressure|congest/i,
  ],
  [
    "overload",
    5,
    /(?:queue|backlog|buffer|pool|mailbox) (?:is |was )?(?:at |now )?(?:full|exhausted|over(?:flow|run))|(?:queue|pool)(?:full|exhausted)|no (?:free|idle|available) (?:connections?|slots?|threads?|workers?|permits?)/i,
  ],
  [
    "overload",
    5,
    /too many (?:connections|clients|concurrent|in[ -]?flight|pending|outstanding)|remaining connection slots|max(?:imum)? (?:number of )?(?:client )?connections|rejected ?exec|bulkhead|concurrency limit/i,
  ],
  [
    "overload",
    4.5,
    /deadlock|could not (?:serialize|obtain lock)|lock (?:wait|contention)|circuit (?:breaker )?(?:is )?open/i,
  ],
  // Reachability
  [
    "dependency_down",
    5.5,
    /ECONN(?:REFUSED|RESET|ABORTED)|E(?:HOST|NET)(?:UNREACH|DOWN)|EPIPE|connection (?:was |is |has been )?(?:refused|reset|aborted|closed|lost|dropped|terminated|broken)/i,
  ],
  [
    "dependency_down",
    5.5,
    /unreachable|no route to host|socket hang ?up|broken pipe|unexpected(?:ly)? (?:eof|end of (?:file|stream)|closed)|server closed the connection/i,
  ],
  [
    "dependency_down",
    5.5,
    /(?:could not|cannot|can't|unable to|failed to|error) (?:connect|establish|reach|contact)/i,
  ],
  [
    "dependency_down",
    5,
    /(?:service|server|host|backend|system|upstream|provider|gateway|site|cluster|database|api) (?:is |was |are |has |currently |temporarily )*(?:unavailable|down|offline|not available|shut(?:ting)? down|gone)/i,
  ],
  [
    "dependency_down",
    5,
    /\bunavailable\b|bad gateway|no healthy (?:upstream|instances?|hosts?|backends?)|out of service|outage|(?:under|down for|scheduled) maintenance|starting up/i,
  ],
  [
    "dependency_down",
    4,
    /fetch failed|error sending request|network (?:error|is unreachable|failure)|transport (?:error|failure|closed)|dead peer|not (?:accepting|listening)/i,
  ],
  [
    "partial_endpoint",
    5.5,
    /not implemented|unimplemented|no such (?:endpoint|route|method|operation|procedure|action)|(?:endpoint|route|method|operation|procedure|path) (?:was |is )?(?:not found|unknown|disabled|removed|gone|deprecated|not (?:supported|allowed|available))/i,
  ],
  [
    "partial_endpoint",
    5,
    /unknown (?:endpoint|route|method|operation|procedure|action|command)|cannot (?:get|post|put|delete) \/|unsupported (?:operation|method)/i,
  ],
  // Limits
  ["rate_limit", 6.5, /rate[ _-]?limit|too[ _]many[ _]requests|throttl/i],
  [
    "rate_limit",
    6,
    /quota|slow[ _-]?down|request limit|retry[ -]after|limit (?:of \S{1,20} )?(?:requests|calls|messages)|(?:requests|calls|messages|tokens|operations|queries) per (?:second|minute|hour|day|month)|requests? (?:rate|volume) (?:is )?too/i,
  ],
  [
    "rate_limit",
    4.5,
    /(?:daily|hourly|monthly|usage|plan|burst|sending|api) (?:limit|allowance|cap)|RESOURCE_EXHAUSTED|limit (?:has been |was )?(?:exceeded|reached|hit) (?:for|on|by) (?:this|your|the)|calling (?:us |the api )?too (?:often|fast|frequently)/i,
  ],
  // Credentials
  [
    "auth",
    6,
    /unauthori[sz]ed|unauthenticated|not authenticated|authentication|permission[ _]denied|access[ _]?denied|forbidden/i,
  ],
  [
    "auth",
    6,
    /(?:invalid|wrong|incorrect|bad|unknown|revoked|expired|missing|inactive|malformed|disabled) (?:\w{1,20} )?(?:api[ _-]?key|token|credentials?|password|secret|signature|certificate|client[ _]id|session|login|access key)/i,
  ],
  [
    "auth",
    6,
    /(?:api[ _-]?key|token|credentials?|password|secret|signature|certificate|session|access key)\w? (?:\S{1,20} )?(?:is |was |has |have |had |been )*(?:invalid|wrong|incorrect|not valid|not accepted|rejected|revoked|expired|missing|no longer valid|do(?:es)? not match|could not be verified|disabled)/i,
  ],
  [
    "auth",
    5.5,
    /\b(?:token|key|certificate|credentials?|session|signature|password)\b.{0,60}\b(?:expired|revoked|does not match|not accepted)/i,
  ],
  [
    "auth",
    5.5,
    /(?:log-?in|sign-?in|sso|oauth|jwt|bearer|x-?509|x509|saml|kerberos|handshake).{0,40}(?:fail|error|refus|expired|invalid|denied|unknown)|not (?:authorized|permitted|allowed to)|(?:insufficient|lacks?|requires?|missing) (?:the )?(?:\w{1,20} )?(?:scope|permissions?|privileges?|roles?|grants?|rights)|self[- ]signed|unable to verify|must log ?in|invalid_grant|SignatureDoesNotMatch|CERT_/i,
  ],
  // Inputs and answers
  [
    "validation",
    5,
    /\bvalidation|unprocessable|invalid[ _](?:argument|parameter|value|input|request|format|field|body|payload|amount|address|email|phone|number|date|currency|country|enum|option|id\b)|INVALID_ARGUMENT|bad[ _]request/i,
  ],
  [
    "validation",
    4.5,
    /must (?:be|not|have|contain|match|start|end)|(?:is|are) (?:required|mandatory|not allowed)|missing (?:required )?(?:field|parameter|argument|property|attribute)|out of range|too (?:short|small|large|long) ?(?:\(|for|:)|at (?:least|most) \S{1,12}|not a valid|malformed|should be (?:a|an|one)/i,
  ],
  // Names of codes in which APIs say what is wrong with a field.
  ["validation", 4, /\b[a-z]\w{1,40}_(?:missing|required|invalid|malformed)\b/i],
  [
    "validation",
    4.5,
    /(?:was|been|card|payment|transaction|transfer) declined|declined by|insufficient (?:funds|balance|stock|credit)|not eligible|business rule|refused by (?:policy|rule)|violates (?:policy|rule)|blocked by (?:policy|rule)|unsupported (?:country|currency|card)/i,
  ],
  [
    "contract_drift",
    5.5,
    /schema|does not (?:match|conform)|deseriali[sz]|unmarshal|unexpected (?:field|key|property|column|element|attribute|type|response|format|content)|unknown (?:field|column|property|attribute)|additional propert|breaks the success contract/i,
  ],
  [
    "contract_drift",
    5,
    /unexpected (?:token|character|end of json)|not valid json|invalid json|json ?(?:parse|decode|syntax)|cannot (?:parse|decode|read) (?:the )?(?:response|answer|body|reply)|expected .{1,40}(?:,| but) (?:got|received|found|was)|(?:incompatible|unsupported|unknown|deprecated) (?:\w{1,16} )?version|version mismatch|no longer (?:returns|contains|has|supported)|content[- ]type|protocol (?:error|mismatch)/i,
  ],
  [
    "data_quality",
    5,
    /data (?:quality|integrity|is (?:corrupt|inconsistent|invalid|missing))|(?:corrupt|inconsistent|orphan(?:ed)?|stale|dirty|garbled) (?:\w{1,20} )?(?:data|record|row|entry|value)|foreign[ _]key|not[- ]null constraint|null value|check constraint|\bNaN\b|(?:invalid|illegal|bad) (?:utf-?8|encoding|byte sequence|unicode|character)|mojibake|checksum of (?:the )?record/i,
  ],
  [
    "data_quality",
    4.5,
    /(?:customer|user|account|order|record|row|product|item|invoice|entity|tenant|sku|document|contact|address|reference)s? (?:\S{1,60} )?(?:was |were |is |are |does |do |could |can)?(?:not|cannot) (?:be )?(?:found|exist|known|resolved)|no (?:such )?(?:customer|user|account|order|record|row|product|item|invoice|entity|tenant)\b|no rows?\b|unknown (?:customer|user|account|order|sku|product|currency code)|cannot be (?:parsed|converted) (?:as|to) (?:a )?(?:date|number|decimal)/i,
  ],
  // What happened twice
  [
    "ambiguous_side_effect",
    5.5,
    /already (?:exists?|been|processed|charged|paid|captured|shipped|sent|submitted|completed|in progress|refunded|booked)|duplicate|idempoten|ALREADY_EXISTS|\bconflict|outcome (?:is |was )?(?:unknown|uncertain|unclear)|may (?:or may not )?have (?:been|succeeded)|(?:charged|sent|processed|submitted) twice|unique (?:constraint|violation)|optimistic lock|version conflict|etag|not known whether/i,
  ],
  // The machine
  [
    "resource",
    6,
    /out of memory|\bOOM\b|oom[- ]?kill|heap (?:limit|out|space)|ENOMEM|memory (?:limit|exhausted|allocation)|cannot allocate|java heap|MemoryError|std::bad_alloc/i,
  ],
  [
    "resource",
    5.5,
    /EMFILE|ENFILE|too many open files|file descriptors?|can(?:not|'t) (?:fork|start new thread)|unable to create (?:new )?(?:native )?thread|resource temporarily|process limit|cpu (?:limit|quota|time)|exit(?:ed)?(?: with)?(?: code| status)? 137|stack (?:overflow|size exceeded|depth)|maximum call stack|ulimit|ephemeral ports?|EADDRNOTAVAIL|inotify/i,
  ],
  [
    "storage",
    6,
    /ENOSPC|no space left|disk (?:is )?(?:full|quota|error|failure|space)|volume (?:is )?full|read-?only file ?system|EROFS|\bEIO\b|i\/o error|input\/output error|bad sector|database (?:is )?locked|SQLITE_|tablespace|write[- ]ahead log|\bwal\b|could not (?:read|write|fsync|extend|open) (?:block|file|relation)|data ?file|page (?:is )?corrupt|checksum (?:mismatch|verification)|invalid page|bucket|object store|EDQUOT|snapshot (?:missing|failed)|replication lag|not the (?:primary|leader|master)|read[- ]only (?:replica|transaction|mode)/i,
  ],
  [
    "bus",
    5.5,
    /broker|\bkafka\b|rabbit ?mq|\bamqp\b|\bnats\b|jetstream|pub\/?sub|publish(?:ing)? (?:failed|error|timed|confirm)|(?:failed|unable|could not|cannot) to publish|(?:consumer|subscription) (?:group|lost|cancelled|closed)|channel (?:closed|error|is closed)|no (?:queue|exchange|stream|topic)|(?:queue|exchange|stream|topic) (?:\S{1,60} )?(?:not found|does not exist|deleted|missing)|partition leader|leader not available|rebalanc|bus_unavailable|envelope|dead[- ]letter|message (?:bus|queue)|\bsqs\b|eventhub/i,
  ],
  [
    "clock",
    6.5,
    /clock|time ?skew|skewed|not yet (?:valid|current)|not valid (?:yet|before|until)|\bnbf\b|(?:issued|timestamp|date|time|\biat\b).{0,30} in the future|from the future|RequestTimeTooSkewed|timestamp .{0,40}(?:outside|too (?:old|far|new|early|late)|ahead|drift|window|differs)|\bntp\b|time (?:drift|jump|went back|synchroni[sz])|TimeoutNegative|negative (?:duration|elapsed)|system time/i,
  ],
  [
    "config",
    5.5,
    /config|environment variable|env(?:ironment)? var|(?:variable|setting|option|property|parameter) \S{1,60} (?:is |was )?(?:not set|missing|unset|empty|undefined|not (?:configured|defined))|is not (?:set|configured|defined)\b|not configured|misconfigur|feature flag|unknown (?:option|setting|flag|host)|no such (?:setting|option|profile|database|environment)|unrecogni[sz]ed (?:option|setting)/i,
  ],
  [
    "config",
    5,
    /ENOTFOUND|getaddrinfo|name or service not known|could not resolve host|NXDOMAIN|dns|invalid (?:url|uri|dsn|connection string|port|host ?name|base ?url)|ENOENT|no such file or directory|missing (?:file|certificate file|secret mount|dsn)|NotCapable|Requires \S{1,10} access|secret \S{1,60} (?:is )?not (?:found|there|mounted)|region is (?:missing|required)|placeholder/i,
  ],
  [
    "interrupted",
    6,
    /SIG(?:TERM|KILL|INT|HUP)\b|(?:process|worker|pod|container|instance|node|server) (?:\S{1,60} )?(?:was |is |has |been )*(?:killed|terminated|evicted|preempted|restart(?:ed|ing)|shut(?:ting)? down|stopp(?:ed|ing)|draining|died|exited|recycled|scaled)|graceful shutdown|spot (?:instance|interruption)|being (?:drained|replaced)/i,
  ],
  // Code
  [
    "deploy_regression",
    3.5,
    /TypeError|ReferenceError|NullPointer|null pointer|nil pointer|NoMethodError|NoSuchMethod|AttributeError|NameError|KeyError|IndexError|ImportError|ModuleNotFound|cannot find module|ClassNotFound|NoClassDef|LinkageError|ClassCast|undefined (?:method|is not|function|reference|symbol)|is not a function|cannot read propert|of undefined|of null|has no attribute|segmentation fault|SIGSEGV|panic(?:ked)?\b|assertion (?:failed|error)|AssertionError|unhandled (?:exception|case)|index out of (?:range|bounds)|unwrap\(\)|syntax error|not iterable|division by zero|ZeroDivision/i,
  ],
  [
    "poison",
    2.5,
    /TypeError|NullPointer|nil pointer|cannot read propert|of undefined|of null|index out of (?:range|bounds)|unhandled case|not iterable|division by zero|ZeroDivision|panic|segmentation fault|SIGSEGV|stack overflow|maximum call stack|too deep|nest(?:s|ed|ing)|payload too large|entity too large|message too (?:large|big|long)|max(?:imum)? (?:message|payload|body|request) size/i,
  ],
  [
    "poison",
    4.5,
    /payload too large|entity too large|(?:message|payload|body|request|document) (?:is )?too (?:large|big|long)|max(?:imum)? (?:message|payload|body|request) size|poison|unprocessable message|nest(?:s|ed|ing) (?:deeper|too)/i,
  ],
];
