//! Bars as SVG.

use std::fmt::Write;

const COLOURS: [&str; 6] = ["#8c8c8c", "#c4c4c4", "#4e9f50", "#d9a441", "#9a7bb8", "#2f6fb5"];
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 32.0;

/// A group of bars for each of `groups`, a bar for each of `series` in it. What is missing has no bar.
pub(crate) fn bars(title: &str, groups: &[&str], series: &[(String, Vec<f64>)]) -> String {
    let figures = series.iter().flat_map(|(_, figures)| figures).filter(|figure| figure.is_finite());
    let top = figures.copied().fold(0.0, f64::max) * 1.08;
    let floor = HEIGHT - BOTTOM;
    let (group, scale) = ((WIDTH - LEFT - 8.0) / groups.len() as f64, (floor - TOP) / top);
    let bar = (group * 0.84 / series.len() as f64).min(64.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n<text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{title}</text>\n"
    );
    let mut at = LEFT;
    for ((name, _), colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let _ = writeln!(svg, "<rect x=\"{at}\" y=\"32\" width=\"10\" height=\"10\" fill=\"{colour}\"/>");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"41\">{name}</text>", at + 14.0);
        at += 34.0 + name.len() as f64 * 6.0;
    }
    let step = step(top);
    for line in (0..).map(|line| f64::from(line) * step).take_while(|line| *line <= top) {
        let y = floor - line * scale;
        let _ = writeln!(svg, "<path d=\"M{LEFT} {y:.1}H{WIDTH}\" stroke=\"#e2e2e2\"/>");
        let _ =
            writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 6.0, y + 4.0, short(line));
    }
    for (place, name) in groups.iter().enumerate() {
        let middle = LEFT + group * (place as f64 + 0.5);
        let _ = writeln!(svg, "<text x=\"{middle:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>", floor + 18.0);
        let first = middle - bar * series.len() as f64 / 2.0;
        for (number, ((_, figures), colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let Some(figure) = figures.get(place).filter(|figure| figure.is_finite()) else { continue };
            let (x, height) = (first + bar * number as f64, figure * scale);
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\" text-anchor=\"middle\">{}</text>",
                floor - height,
                bar - 2.0,
                x + bar / 2.0 - 1.0,
                floor - height - 3.0,
                short(*figure),
            );
        }
    }
    svg + "</svg>\n"
}

/// Some five lines up to `top`, at round numbers.
fn step(top: f64) -> f64 {
    let power = 10_f64.powf((top / 5.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| top / step <= 6.0).unwrap_or(top)
}

fn short(figure: f64) -> String {
    if figure < 10.0 { format!("{figure:.2}") } else { format!("{figure:.0}") }
}
