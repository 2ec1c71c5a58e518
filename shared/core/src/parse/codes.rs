//! The registry of error codes. A code never changes its meaning; `docs/errors.md` has a section for each.

/// A stable code and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// `ORK` and three digits.
    pub id: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal;)+) => {
        $(
            #[doc = $title]
            pub const $name: Code = Code { id: $id, title: $title };
        )+
        /// Every code, in order.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    // The file as text.
    FILE_TOO_LARGE = "ORK001", "the file is too large";
    NOT_UTF8 = "ORK002", "the file is not UTF-8";
    CONTROL_CHARACTER = "ORK003", "a control character in the file";
    EMPTY_FILE = "ORK004", "the file is empty";
    YAML_SYNTAX = "ORK005", "the file is not YAML";
    TAB_INDENT = "ORK006", "a tab where YAML wants spaces";
    TOO_DEEP = "ORK007", "nested too deeply";
    TOO_MANY_NODES = "ORK008", "too large once aliases are expanded";
    DUPLICATE_KEY = "ORK009", "a key is written twice";
    BAD_ALIAS = "ORK010", "an alias that cannot be expanded";
    BAD_MERGE = "ORK011", "a merge key with something that cannot be merged";
    SEVERAL_DOCUMENTS = "ORK012", "more than one document in a file";
    TAG = "ORK013", "a YAML tag";
    KEY_NOT_TEXT = "ORK014", "a key that is not text";
    NUMBER_SIZE = "ORK015", "a number that JSON cannot hold";
    MANY_PROBLEMS = "ORK016", "more problems than are shown";

    // The shape of the data.
    UNKNOWN_KEY = "ORK020", "an unknown key";
    MISSING_KEY = "ORK021", "a key is missing";
    WRONG_KIND = "ORK022", "the wrong kind of value";
    OUT_OF_RANGE = "ORK023", "a number out of range";
    UNKNOWN_WORD = "ORK024", "not one of the allowed words";
    BAD_NAME = "ORK025", "not a valid name";
    BAD_DURATION = "ORK026", "not a duration";
    BAD_QUANTITY = "ORK027", "not an amount";
    KEYS_EXCLUDE = "ORK028", "keys that exclude each other";
    NO_TASKS = "ORK029", "a workflow without tasks";
    TOO_MANY_TASKS = "ORK030", "too many tasks";
    BAD_URL = "ORK031", "not a URL that can be asked";

    // The graph.
    UNKNOWN_TASK = "ORK040", "an unknown task";
    SELF_DEPENDENCY = "ORK041", "a task that depends on itself";
    DUPLICATE_DEPENDENCY = "ORK042", "a dependency written twice";
    CYCLE = "ORK043", "a cycle";
    SELF_WORKFLOW = "ORK044", "a workflow that runs itself";
    SELF_SENSOR = "ORK045", "a run that waits for itself";

    // References and bindings.
    BAD_PATH = "ORK050", "not a path to a value";
    NOT_ANCESTOR = "ORK051", "a reference to a task that need not have ended";
    UNKNOWN_PARAM = "ORK052", "an unknown param";
    ITEM_OUTSIDE_FOREACH = "ORK053", "`item` in a task without `foreach`";
    NOT_HERE = "ORK054", "a value that does not exist at this point";
    UNKNOWN_FIELD = "ORK055", "a field that the type does not have";
    NOT_A_BINDING = "ORK056", "an input that says not where its value comes from";
    TYPE_MISMATCH = "ORK057", "a value of the wrong type";
    INPUT_KEYS = "ORK058", "`inputs` and `input_type` have different keys";
    OUTPUT_TYPE_NEEDED = "ORK059", "`output_type` is missing";
    MAY_BE_NULL = "ORK060", "a value that may be null";
    FOREACH_NOT_LIST = "ORK061", "`foreach` over something that is not a list";
    PARALLEL_NOT_INT = "ORK062", "`parallel` from something that is not an int";

    // Types.
    BAD_TYPE = "ORK070", "not a type";
    UNKNOWN_ALIAS = "ORK071", "an unknown type alias";
    RECURSIVE_ALIAS = "ORK072", "a type alias that contains itself";
    ALIAS_IS_BUILTIN = "ORK073", "a type alias with the name of a builtin";
    INPUT_TYPE_NOT_OBJECT = "ORK074", "an `input_type` that is not an object";

    // Expressions.
    BAD_EXPRESSION = "ORK080", "an expression that does not compile";

    // Executors.
    UNKNOWN_EXECUTOR = "ORK090", "an unknown executor";
    EXECUTOR_NEEDS_KEY = "ORK091", "a key that the executor needs is missing";
    KEY_NOT_FOR_EXECUTOR = "ORK092", "a key that the executor does not have";
    BAD_FILE = "ORK093", "a file that cannot be taken";

    // Control.
    BATCH_WITHOUT_FOREACH = "ORK100", "`batch` without `foreach`";
    NEEDS_FAN_OUT = "ORK101", "a key that means something only with several instances";
    UNKNOWN_POOL = "ORK102", "an unknown pool";
    UNDECLARED_POOL = "ORK103", "a pool that nobody gave a size";
    UNKNOWN_WORKER = "ORK104", "an unknown worker profile";
    BAD_SECRET = "ORK105", "not the name of a secret";
    SECRET_NOT_GIVEN = "ORK106", "a secret that the task cannot be given";
    CUT_SHORT = "ORK107", "a time that another one cuts short";

    // Schedules.
    BAD_CRON = "ORK110", "not a cron expression";
    BAD_ZONE = "ORK111", "an unknown time zone";

    // `.workflow` files.
    NOT_A_FUN = "ORK120", "a line outside a `fun` block";
    BAD_PARAMETER = "ORK121", "a parameter that is not NAME:PRODUCER";
    NO_BODY = "ORK122", "a `fun` without a body";
    DUPLICATE_FUN = "ORK123", "two `fun` blocks with one name";
    BODY_INDENT = "ORK124", "a body indented unevenly";
    OPEN_STRING = "ORK125", "a string without an end";

    // Notifications.
    BAD_ADDRESS = "ORK130", "nowhere that can be told";
    NEVER_TOLD = "ORK131", "a notification that never comes";
}
