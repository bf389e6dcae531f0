//! The border functions as JSON, for the generator of ffi/bindings.ts.

#![forbid(unsafe_code)]

use deno_bindgen::{INVENTORY, Inventory, Symbol, Type};

/// Returns `[{"name", "parameters": [type], "result": type}]`, sorted by name: the inventory comes in
/// the order of the linker. Types the border does not allow are named as they are, for the generator
/// to refuse.
pub fn inventory_json() -> String {
    let mut symbols: Vec<(&str, String)> = INVENTORY.iter().map(symbol_json).collect();
    symbols.sort();
    let rows: Vec<String> = symbols.into_iter().map(|(_, json)| json).collect();
    format!("[{}]", rows.join(","))
}

fn symbol_json(entry: &Inventory) -> (&'static str, String) {
    match entry {
        Inventory::Symbol(symbol) => (symbol.name, function_json(symbol)),
        Inventory::Struct(class) => (class.name, function_json_of_class(class.name)),
    }
}

fn function_json(symbol: &Symbol) -> String {
    let parameters: Vec<String> = symbol
        .parameters
        .iter()
        .map(|parameter| format!("\"{}\"", type_name(*parameter)))
        .collect();
    format!(
        r#"{{"name":"{}","parameters":[{}],"result":"{}"}}"#,
        symbol.name,
        parameters.join(","),
        type_name(symbol.return_type),
    )
}

/// A class has no row of its own; its result type makes the generator refuse it.
fn function_json_of_class(name: &str) -> String {
    format!(r#"{{"name":"{name}","parameters":[],"result":"class"}}"#)
}

fn type_name(of: Type) -> &'static str {
    match of {
        Type::Void => "void",
        Type::Uint8 => "u8",
        Type::Uint16 => "u16",
        Type::Uint32 => "u32",
        Type::Uint64 => "u64",
        Type::Int8 => "i8",
        Type::Int16 => "i16",
        Type::Int32 => "i32",
        Type::Int64 => "i64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Buffer => "buffer",
        Type::Pointer => "pointer",
        Type::CustomType(name) => name,
    }
}
