//! The words of each language, for inserting them where they may hurt.

use ork_core::expr::{FILTERS, FUNCTIONS, TESTS};
use ork_core::schema::{
    DEFAULTS_KEYS, PARAM_KEYS, RETRY_KEYS, SCHEDULE_KEYS, TASK_KEYS, WORKFLOW_KEYS,
};
use ork_core::types::Type;

const YAML: &str = "\
    {¦}¦[¦]¦: ¦- ¦\n¦\n  ¦\n    ¦\t¦#¦&a ¦*a¦<<: *a¦!!str ¦!x ¦|\n¦>-\n¦'¦\"¦\\u0000¦\\x07¦\0¦\r¦\
    \r\n¦\u{feff}¦\u{85}¦\u{2028}¦\u{202e}¦é¦😀¦---\n¦...\n¦%YAML 1.2\n¦? ¦~¦null¦true¦yes¦.inf¦.nan¦\
    0x1f¦1e400¦[[[[[[[[¦{a: {a: {a: ¦{{ ¦ }}¦tasks.a.output¦params.p¦item¦run.slot¦5m¦30s¦2Gi¦500m¦\
    5%¦all_done¦exponential¦@daily¦* * * * *¦Europe/Berlin¦python¦process¦http¦marker¦types.T¦ref: ¦\
    expr: ¦const: ¦secret: ";
const EXPRESSION: &str = "\
    tasks.extract.output.rows[0].id¦tasks[\"load-all\"].output¦tasks.broken.status¦params.n¦\
    params.day¦run.slot¦slot¦item¦item.index¦parallel_index¦{{¦}}¦{{-¦-}}¦{%¦%}¦{#¦ #}¦|¦(¦)¦[¦]¦{¦\
    }¦,¦:¦.¦'¦\"¦\\¦+¦-¦*¦/¦//¦%¦**¦~¦==¦!=¦<¦<=¦<<¦&¦ is ¦ not ¦ in ¦ and ¦ or ¦ if ¦ else ¦none¦\
    true¦0¦1¦-1¦2.5¦1e9¦99999¦9223372036854775807¦'%Y-%m-%d'¦attribute='id'¦é¦😀¦\0¦\n¦((((((((¦\
    not not not ¦loop¦import¦range(100000)";
const CRON: &str = "\
    *¦*/¦/¦-¦,¦L¦W¦#¦?¦@daily¦@hourly¦@weekly¦@monthly¦@yearly¦@reboot¦MON¦sun¦JAN¦dec¦0 0 29 2 *¦\
    30 2 * * *¦* * * * *¦59¦60¦23¦24¦31¦7¦\nEurope/Berlin¦\nAmerica/New_York¦\nAustralia/Lord_Howe¦\
    \nPacific/Apia¦\nAfrica/Casablanca¦\nUTC¦\nEtc/Unknown¦\neurope/berlin¦\n1774746000000¦\
    \n253402300799999¦\n-62135596800000¦\n9223372036854775807¦ ¦\t¦\u{a0}¦é";
const KIND: &str = "\
    ?¦[¦]¦{¦}¦,¦:¦map[¦enum[¦types.Row¦types.¦\"¦\\\"¦\\u0000¦é¦string¦datetime¦\
    [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[¦null¦\n¦\n2026-06-01¦\n2026-02-30¦\n2026-06-01T02:30:00Z¦\
    \n{\"id\": 1}¦\n18446744073709551615¦\n1e400¦\nnan";
const NAMES: &str = "\
    runs¦workflows¦/¦//¦..¦.¦claim¦spec.json¦status.json¦result.json¦output.json¦output.txt¦log.txt¦\
    workflow.yaml¦workflow.status.json¦versions¦bundles¦.json¦.tar.zst¦--¦_¦%2e%2e¦%2F¦\\¦\0¦\n¦é¦0¦\
    01¦+1¦4294967295¦4294967296¦20260601T023000Z¦2026-06-01T02:30:00Z¦-009999-01-02T00:00:00Z¦\
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const JSON: &str = "\
    {¦}¦[¦]¦,¦:¦null¦true¦\"\"¦\"a\"¦\\u0000¦\\ud800¦\\udfff¦1e400¦1E-7¦0.1¦-0¦18446744073709551615¦\
    18446744073709551616¦\"outcome\":\"success\"¦\"outcome\":\"failed\"¦\"outcome\":\"deferred\"¦\
    \"output\":{\"inline\":\"null\"}¦\"output\":{\"object\":{\"bytes\":1}}¦\
    \"jobs\":{\"inline\":\"[]\"}¦\"count\":0¦\"count\":64¦\"count\":65¦\"category\":\"transient\"¦\
    \"exit_code\":-1¦\"log_tail\":[]¦\"format\":1¦\"format\":2¦\"heartbeat\":0¦\
    \"status\":\"running\"¦\"error\":null¦\"extra\":{}¦\"depends_on\":[0]¦\
    \"parallel\":{\"fixed\":0}¦\"retries\":¦\"executor\":{\"kind\":\"marker\"}¦[[[[[[[[¦{\"a\":¦\
    \u{feff}¦\0¦\u{e9}";
const RUN: &str = "\
    ORKR¦ORKP¦\u{1}¦\0¦\x7f¦\n=====\n¦\"status\":\"running\"¦\"status\":\"paused\"¦\
    \"status\":\"pending\"¦\"status\":\"success\"¦\"only\":[0]¦\"only\":[99]¦\"recovering\":true¦\
    \"deadline_at\":0¦\"parent\":null¦\"depth\":1¦\"version\":\"\"¦\"new\":1,¦sSsS¦cCcCcC¦f0f1f2¦\
    t9t9t9";

const FUN: &str = "\
    fun ¦fun a():¦(¦)¦:¦,¦a:b¦def ¦\"\"\"¦'''¦\\\n¦\n¦\n    ¦\n\t¦\r\n¦\r¦    pass\n¦#¦é¦\0¦\u{feff}¦\u{c}¦\
    fun b(x:a, y:a):\n    pass\n¦f\"{¦}\"¦[¦]¦{¦}";
const PROJECT: &str = "pools¦executors¦workers¦command¦description¦size";

/// The words of a text, `¦` between them, and those of some lists.
fn words(text: &'static str, lists: &[&[&'static str]]) -> Vec<&'static str> {
    let mut words: Vec<&str> = text.split('¦').chain(lists.concat()).collect();
    words.sort_unstable();
    words.dedup();
    words
}

pub(super) fn yaml() -> Vec<&'static str> {
    let keys = [
        WORKFLOW_KEYS,
        TASK_KEYS,
        DEFAULTS_KEYS,
        SCHEDULE_KEYS,
        PARAM_KEYS,
        RETRY_KEYS,
        Type::BUILTIN_NAMES,
    ];
    words(YAML, &keys)
}

pub(super) fn fun() -> Vec<&'static str> {
    words(FUN, &[])
}

pub(super) fn project() -> Vec<&'static str> {
    words(YAML, &[&words(PROJECT, &[])])
}

pub(super) fn expression() -> Vec<&'static str> {
    words(EXPRESSION, &[FILTERS, FUNCTIONS, TESTS])
}

pub(super) fn cron() -> Vec<&'static str> {
    words(CRON, &[])
}

pub(super) fn kind() -> Vec<&'static str> {
    words(KIND, &[Type::BUILTIN_NAMES])
}

pub(super) fn names() -> Vec<&'static str> {
    words(NAMES, &[])
}

pub(super) fn json() -> Vec<&'static str> {
    words(JSON, &[])
}

pub(super) fn run() -> Vec<&'static str> {
    words(RUN, &[])
}
