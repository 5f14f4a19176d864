//! What was measured: as tables in Markdown on standard output and in a file, as JSON, as plots.

mod plot;
mod table;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

pub(crate) use plot::bars;
pub(crate) use table::Table;

pub(crate) struct Report {
    folder: PathBuf,
    plots: Option<PathBuf>,
    document: Option<PathBuf>,
    /// What each part has said.
    sections: Vec<(&'static str, String)>,
    tables: Vec<Value>,
    bars: Vec<Bar>,
    /// Memory of the peers after the load of the first part.
    pub loaded: Vec<(&'static str, f64)>,
}

/// A figure, and what it has to reach.
struct Bar {
    name: &'static str,
    sign: &'static str,
    limit: f64,
    figure: f64,
}

impl Report {
    pub(crate) fn new(folder: PathBuf, plots: Option<PathBuf>, document: Option<PathBuf>, pace: &str) -> Self {
        for folder in [Some(&folder), plots.as_ref()].into_iter().flatten() {
            fs::create_dir_all(folder).expect("a folder for the report");
        }
        let (sections, tables) = (vec![("machine", String::new())], Vec::new());
        let mut report = Self { folder, plots, document, sections, tables, bars: Vec::new(), loaded: Vec::new() };
        report.say(&format!("{}; {pace}.\n", machine()));
        report
    }

    /// What follows is said by this part.
    pub(crate) fn section(&mut self, name: &'static str) {
        self.sections.push((name, String::new()));
    }

    pub(crate) fn add(&mut self, table: Table) {
        self.say(&table.markdown());
        self.tables.push(table.json());
    }

    pub(crate) fn bar(&mut self, name: &'static str, sign: &'static str, limit: f64, figure: f64) {
        self.bars.push(Bar { name, sign, limit, figure });
    }

    pub(crate) fn plot(&self, name: &str, svg: &str) {
        for folder in [Some(&self.folder), self.plots.as_ref()].into_iter().flatten() {
            fs::write(folder.join(format!("{name}.svg")), svg).expect("the folder can be written");
        }
    }

    pub(crate) fn finish(mut self) {
        self.judge();
        let (tables, bars): (Vec<Value>, Vec<Value>) =
            (self.tables.drain(..).collect(), self.bars.iter().map(Bar::json).collect());
        let json = json!({"machine": machine(), "tables": tables, "bars": bars});
        fs::write(self.folder.join("results.json"), format!("{json:#}\n")).expect("the folder can be written");
        let text: String = self.sections.iter().map(|(_, text)| text.as_str()).collect();
        fs::write(self.folder.join("report.md"), text).expect("the folder can be written");
        if let Some(document) = &self.document {
            let mut text = fs::read_to_string(document).expect("the document is there");
            for (name, measured) in &self.sections {
                put(&mut text, name, measured);
            }
            fs::write(document, text).expect("the document can be written");
        }
    }

    /// Which bars are met.
    fn judge(&mut self) {
        self.bars.retain(|bar| !bar.figure.is_nan());
        if self.bars.is_empty() {
            return;
        }
        self.section("bars");
        let rows: String = self.bars.iter().map(Bar::row).collect();
        self.say(&format!("| Figure | Bar | Measured | |\n| --- | --: | --: | --- |\n{rows}"));
    }

    fn say(&mut self, text: &str) {
        println!("{text}");
        let (_, section) = self.sections.last_mut().expect("there is a first one");
        section.push_str(text);
        section.push('\n');
    }
}

impl Bar {
    fn is_met(&self) -> bool {
        if self.sign == "≤" { self.figure <= self.limit } else { self.figure >= self.limit }
    }

    fn row(&self) -> String {
        let Self { name, sign, limit, figure } = self;
        let met = if self.is_met() { "met" } else { "not met" };
        format!("| {name} | {sign} {limit} | {figure:.2} | {met} |\n")
    }

    fn json(&self) -> Value {
        let Self { name, sign, limit, figure } = self;
        json!({"name": name, "bar": format!("{sign} {limit}"), "figure": figure, "met": self.is_met()})
    }
}

/// Puts what a part has said into its place in a document, between two comments.
fn put(document: &mut String, name: &str, measured: &str) {
    let (begin, end) = (format!("<!-- measured: {name} -->\n"), "<!-- /measured -->");
    let Some(start) = document.find(&begin).map(|at| at + begin.len()) else { return };
    let Some(length) = document[start..].find(end) else { return };
    document.replace_range(start..start + length, &format!("\n{}\n\n", measured.trim()));
}

/// The day, the machine, and who took part.
fn machine() -> String {
    let output = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok();
        let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
    };
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processors = information.lines().filter(|line| line.starts_with("processor")).count();
    let haproxy = output("haproxy", "-v");
    let haproxy = haproxy.split_whitespace().nth(2).unwrap_or_default().to_owned();
    let nginx = output("nginx", "-v");
    format!(
        "{}, {} × {}, Linux {}, HAProxy {haproxy}, {}",
        output("date", "+%Y-%m-%d"),
        processors,
        model.map_or("unknown processor", |(_, model)| model),
        output("uname", "-r"),
        nginx.trim_start_matches("nginx version: ").replace('/', " "),
    )
}
