//! The attributes of `ork-sdk`. Use them from there, as `#[ork::task]` and `#[ork::executor]`.

mod attribute;
mod function;

use proc_macro::TokenStream;
use syn::parse_macro_input;

use attribute::Attribute;
use function::Kind;

/// Makes a function a task of a workflow.
///
/// The function stays as it is and can still be called. It may be `async`, and take, in any order and each at most once,
///
/// - the input: any type that serde deserializes from a JSON object, by value, such as a struct with a field for each input of
///   the task; without it the task's inputs are not looked at,
/// - the context: `&Context`.
///
/// It returns anything that serde serializes, or a `Result` of it with an error that `?` can turn into a boxed
/// `std::error::Error`: `ork::Error`, any error of the standard library, `anyhow::Error`, a text.
///
/// `#[ork::task(name = "other")]` gives the task another name than its function.
#[proc_macro_attribute]
pub fn task(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Task, attribute, item)
}

/// Makes a function an executor of the project's own, which `ork.yaml` declares and other workflows' tasks name.
///
/// As `#[ork::task]`, but its first argument besides the context is the options: the keys of executors
/// (`file`, `command`, `url`, …) that such a task has in the workflow file. A second one is the task's input.
#[proc_macro_attribute]
pub fn executor(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Executor, attribute, item)
}

/// Keeps its content but in a program, whose name cargo tells the compiler. Only `ork::main!` is to write it.
#[doc(hidden)]
#[proc_macro]
pub fn unless_program(content: TokenStream) -> TokenStream {
    match std::env::var_os("CARGO_BIN_NAME") {
        Some(_) => TokenStream::new(),
        None => content,
    }
}

fn expand(kind: Kind, attribute: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = parse_macro_input!(attribute as Attribute);
    // What is wrong with the function must not hide the function: without it every caller would be wrong as well.
    let kept = proc_macro2::TokenStream::from(item.clone());
    let item = parse_macro_input!(item as syn::ItemFn);
    let made = function::companion(kind, &attribute, &item);
    let made = made.unwrap_or_else(|error| error.to_compile_error());
    quote::quote!(#kept #made).into()
}
