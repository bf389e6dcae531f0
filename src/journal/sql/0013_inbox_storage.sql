-- Commands in the inbox are stored as long as they are: a poll bounds what it reads by their stored
-- length, which is known without reading them. Rows that exist keep their form; they soon go.
alter table tasker.inbox
alter column command set storage external;
