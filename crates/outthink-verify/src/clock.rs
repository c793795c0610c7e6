//! Times of day, in the languages of the field, as seconds after midnight.

/// Longer texts are no time.
const MOST_BYTES: usize = 40;

const NAMED: &[(&str, u32)] = &[
    ("noon", 12),
    ("midday", 12),
    ("12 noon", 12),
    ("mittag", 12),
    ("midi", 12),
    ("mediodía", 12),
    ("meio-dia", 12),
    ("полдень", 12),
    ("正午", 12),
    ("中午", 12),
    ("정오", 12),
    ("midnight", 0),
    ("12 midnight", 0),
    ("mitternacht", 0),
    ("minuit", 0),
    ("medianoche", 0),
    ("meia-noite", 0),
    ("полночь", 0),
    ("午夜", 0),
    ("자정", 0),
];

/// Halves of the day before the clock and behind it: whether it is the second one.
const BEFORE: &[(&str, bool)] = &[
    ("上午", false),
    ("早上", false),
    ("凌晨", false),
    ("清晨", false),
    ("午前", false),
    ("오전", false),
    ("아침", false),
    ("下午", true),
    ("晚上", true),
    ("傍晚", true),
    ("午後", true),
    ("오후", true),
    ("저녁", true),
];
const BEHIND: &[(&str, bool)] = &[
    (" in the morning", false),
    (" in the afternoon", true),
    (" in the evening", true),
    (" at night", true),
    (" de la mañana", false),
    (" de la tarde", true),
    (" de la noche", true),
    (" da manhã", false),
    (" da tarde", true),
    (" da noite", true),
    (" du matin", false),
    (" de l'après-midi", true),
    (" du soir", true),
    (" утра", false),
    (" дня", true),
    (" вечера", true),
    (" morgens", false),
    (" abends", true),
    (" صباحا", false),
    (" مساء", true),
];

/// The time that a text is: `10:30`, `3:30 PM`, `noon`, `15 Uhr`, `15h30`, `下午3点`, `half past three`.
pub(crate) fn time(text: &str) -> Option<u32> {
    if text.len() > MOST_BYTES || text.contains(['=', '+', '^', '_', '/', '<', '>', '(', '[', ',']) {
        return None;
    }
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    if digits && !text.contains([':', 'm', 'M', 'h', 'k', 'l']) && text.is_ascii() {
        return None;
    }
    if !digits && text.len() < 4 {
        return None;
    }
    let lower = text.trim().to_lowercase().replace(['\\', '~'], " ").replace("text{", " ").replace('}', " ");
    let lower = lower.trim();
    if let Some((_, hour)) = NAMED.iter().find(|row| row.0 == lower) {
        return Some(hour * 3_600);
    }
    if digits { western(lower).or_else(|| named_hours(lower)) } else { past(lower) }
}

fn seconds(hour: u32, minute: u32, second: u32, half: Option<bool>) -> Option<u32> {
    if hour > 24 || minute > 59 || second > 59 || (half.is_some() && !(1..=12).contains(&hour)) {
        return None;
    }
    let hour = half.map_or(hour, |late| hour % 12 + if late { 12 } else { 0 });
    Some((hour * 60 + minute) * 60 + second)
}

/// `10:30`, `3:30 p.m.`, `10:05:30 AM`.
fn western(lower: &str) -> Option<u32> {
    let compact: String = lower.chars().filter(|c| !matches!(c, '.' | ' ')).collect();
    let compact = compact.strip_suffix("uhr").unwrap_or(&compact);
    if compact.len() > 12 {
        return None;
    }
    let (clock, half) = match compact.strip_suffix("am") {
        Some(clock) => (clock, Some(false)),
        None => compact.strip_suffix("pm").map_or((compact, None), |clock| (clock, Some(true))),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let digits = |part: &&str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(digits) || parts.len() > 3 || (parts.len() == 1 && half.is_none()) {
        return None;
    }
    if lower.contains('.') && half.is_none() {
        return None;
    }
    let number = |at: usize| parts.get(at).map_or(Some(0), |part| part.parse::<u32>().ok());
    let two_digits = parts.iter().skip(1).all(|part| part.len() == 2);
    if !two_digits {
        return None;
    }
    seconds(number(0)?, number(1)?, number(2)?, half)
}

/// `15 Uhr`, `15h30`, `3 o'clock`, `下午3点30分`, `9 de la mañana`.
fn named_hours(lower: &str) -> Option<u32> {
    let (text, behind) = BEHIND
        .iter()
        .find_map(|(words, late)| Some((lower.strip_suffix(words)?.trim_end(), Some(*late))))
        .unwrap_or((lower, None));
    let (text, before) = BEFORE
        .iter()
        .find_map(|(words, late)| Some((text.strip_prefix(words)?.trim_start(), Some(*late))))
        .unwrap_or((text, None));
    let half = behind.or(before);
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let hour: u32 = text.get(..end).filter(|digits| (1..=2).contains(&digits.len()))?.parse().ok()?;
    let rest = text.get(end..)?.trim_start();
    if rest.is_empty() {
        return half.and_then(|late| seconds(hour, 0, 0, Some(late)));
    }
    if let Some(minutes) = rest.strip_prefix(':') {
        let minutes = minutes.trim().parse().ok().filter(|_| minutes.trim().len() == 2)?;
        return half.and_then(|late| seconds(hour, minutes, 0, Some(late)));
    }
    // How the hour is marked, and whether the mark alone makes a time.
    let marks: &[(&str, bool)] = &[
        ("uhr", true),
        ("o'clock", true),
        ("oclock", true),
        ("点", half.is_some()),
        ("點", half.is_some()),
        ("时", half.is_some()),
        ("時", true),
        ("시", true),
        ("часов", half.is_some()),
        ("часа", half.is_some()),
        ("heures", half.is_some()),
        ("h", false),
    ];
    let (after, alone) = marks.iter().find_map(|(mark, alone)| Some((rest.strip_prefix(mark)?, *alone)))?;
    let after = after.trim().trim_end_matches(['분', '分']).trim_end_matches("min").trim();
    let minutes = match after {
        "" | "整" => alone.then_some(0)?,
        "半" | "반" => 30,
        digits if digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            // "1 h 30 min" and "15 h 5" are no times.
            if rest.starts_with('h') && (digits.len() != 2 || rest.contains("min")) {
                return None;
            }
            digits.parse().ok()?
        }
        _ => return None,
    };
    seconds(hour, minutes, 0, half.filter(|_| hour <= 12))
}

/// `half past three`, `quarter to four`.
fn past(lower: &str) -> Option<u32> {
    let (minutes, hour) = [
        ("half past ", 30),
        ("quarter past ", 15),
        ("a quarter past ", 15),
        ("quarter to ", -15),
        ("a quarter to ", -15),
    ]
    .iter()
    .find_map(|(words, minutes)| Some((*minutes, lower.strip_prefix(words)?)))
    .or_else(|| Some((0, lower.strip_suffix(" o'clock")?)))?;
    let hour = crate::numerals::number(hour)?;
    let hour = i32::try_from(hour.to_integer()).ok().filter(|h| hour.is_integer() && (1..=12).contains(h))?;
    u32::try_from((hour * 60 + minutes) * 60).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_times() {
        for (a, b) in [
            ("10:30 AM", "10:30"),
            ("3:30 PM", "15:30"),
            ("3:30 p.m.", "15:30"),
            ("12:00 am", "0:00"),
            ("3 pm", "15:00"),
            ("03:30", "3:30"),
            ("noon", "12:00 PM"),
            ("Midnight", "12:00 AM"),
            ("15 Uhr", "15:00"),
            ("9:05 Uhr", "9:05"),
            ("15h30", "15:30"),
            ("14 h 30", "14:30"),
            ("下午3点", "15:00"),
            ("上午9点30分", "9:30"),
            ("午後3時", "15:00"),
            ("오전 9시 30분", "9:30"),
            ("3 o'clock", "3:00"),
            ("half past three", "3:30"),
            ("quarter to four", "3:45"),
            ("9 de la mañana", "9:00"),
            ("9 часов вечера", "21:00"),
        ] {
            assert_eq!(time(a), time(b), "{a} {b}");
            assert!(time(a).is_some(), "{a}");
        }
        for text in [
            "20:60",
            "7:3",
            "3",
            "10.30",
            "1:2:3",
            "25 pm",
            "",
            "3时",
            "1 h 30 min",
            "5h",
            "3시간",
            "3 hours",
            "5 k",
            "am",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
