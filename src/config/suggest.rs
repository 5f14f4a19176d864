//! "Did you mean": the known name that is nearest to what was written.

/// The candidate that differs least, if it differs little enough to be meant. A candidate may itself be a mistake of the
/// same file: one that a terminal would obey is not shown.
pub(super) fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let length = written.chars().count();
    // A third of the letters may be wrong, two at most in short names.
    let limit = (length / 3).clamp(1, 4).min(length.saturating_sub(1));
    candidates
        .into_iter()
        .filter(|candidate| !candidate.contains(char::is_control))
        .filter_map(|candidate| Some((distance(written, candidate, limit)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?`, or nothing.
pub(super) fn did_you_mean<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    nearest(written, candidates).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Letters to insert, remove, replace or swap with their neighbour, without
/// regard to case; `None`: more than `limit`.
fn distance(left: &str, right: &str, limit: usize) -> Option<usize> {
    let fold = |text: &str| text.chars().map(|c| c.to_ascii_lowercase()).collect::<Vec<char>>();
    let (left, right) = (fold(left), fold(right));
    if left.len().abs_diff(right.len()) > limit {
        return None;
    }
    let mut before = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut cost = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                let swapped: &Vec<usize> = &before;
                cost = cost.min(swapped[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut above, row);
    }
    Some(above[right.len()]).filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        for (written, meant) in [("upstraem", "upstream"), ("tiemout", "timeout"), ("lmfi", "lmif"), ("Path", "path")] {
            assert_eq!(nearest(written, ["upstream", "timeout", "lmif", "path"]), Some(meant), "{written}");
        }
    }

    #[test]
    fn a_name_that_would_steer_a_terminal_is_not_shown() {
        assert_eq!(nearest("app", ["ap\tp", "a\u{1b}pp"]), None);
        assert_eq!(nearest("app", ["ap\tp", "apb"]), Some("apb"));
    }

    #[test]
    fn another_word_is_not_taken_for_a_slip() {
        for written in ["hunter2", "x", "", "listen", "ab"] {
            assert_eq!(nearest(written, ["upstream", "timeout", "lmif", "path", "id"]), None, "{written}");
        }
    }
}
