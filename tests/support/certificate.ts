/** Certificates that nobody has signed, for servers of tests. */

import assert from "node:assert/strict";

/** Makes a key and a certificate for a host, by openssl. */
export function certificateFor(host: string): { readonly key: string; readonly cert: string } {
  const dir = Deno.makeTempDirSync();
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30
    -keyout ${dir}/key -out ${dir}/cert -subj /CN=${host} -addext subjectAltName=DNS:${host}`;
  const made = new Deno.Command("openssl", { args: args.split(/\s+/) }).outputSync();
  assert.ok(made.success, new TextDecoder().decode(made.stderr));
  const [key, cert] = ["key", "cert"].map((name) => Deno.readTextFileSync(`${dir}/${name}`));
  Deno.removeSync(dir, { recursive: true });
  return { key: key ?? "", cert: cert ?? "" };
}
