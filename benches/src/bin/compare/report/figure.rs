//! Figures as people read them: three digits, and no more zeros than needed.

/// Writes a figure with three significant digits, in thousands or millions where it is large.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 999_500.0 => format!("{} M", digits(value / 1e6)),
        size if size >= 9_995.0 => format!("{} k", digits(value / 1e3)),
        _ => digits(value),
    }
}

fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 || size == 0.0 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size >= 0.09995 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// Writes bytes in MiB.
pub(crate) fn mebibytes(bytes: f64) -> String {
    digits(bytes / f64::from(1 << 20))
}

/// Writes a ratio: `×1.50`.
pub(crate) fn ratio(value: f64) -> String {
    format!("×{}", digits(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.0123, "0.0123"),
            (0.41, "0.410"),
            (1.0, "1.00"),
            (7.8, "7.80"),
            (9.999, "10.0"),
            (43.21, "43.2"),
            (745.4, "745"),
            (5694.0, "5694"),
            (28_100.0, "28.1 k"),
            (126_400.0, "126 k"),
            (2_500_000.0, "2.50 M"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn memory_and_ratios() {
        assert_eq!(mebibytes(f64::from(128 << 20)), "128");
        assert_eq!(mebibytes(f64::from(3 << 19)), "1.50");
        assert_eq!(ratio(1.5), "×1.50");
    }
}
