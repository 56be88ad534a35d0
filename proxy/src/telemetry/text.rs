//! Metrics as Prometheus reads them: its text format, version 0.0.4.

use std::fmt::Write;

use super::metric::{Family, Kind, Labels, Sample, Value};

/// The type of the document.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics. One without a value is named all the same, so that whoever looks for it finds what it means.
#[must_use]
pub fn text(families: &[Family]) -> String {
    let mut text = String::with_capacity(16 << 10);
    for family in families {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let Family { name, help, .. } = family;
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        family.samples.iter().for_each(|sample| write_sample(&mut text, name, sample));
    }
    text
}

fn write_sample(text: &mut String, name: &str, sample: &Sample) {
    let labels = &sample.labels;
    match &sample.value {
        Value::Whole(value) => line(text, (name, ""), labels, None, value),
        Value::Real(value) => line(text, (name, ""), labels, None, value),
        Value::Spread(spread) => {
            let mut total = 0;
            let bounds = spread.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
            for (bound, count) in bounds.zip(&spread.buckets) {
                total += count;
                line(text, (name, "_bucket"), labels, Some(&bound), &total);
            }
            line(text, (name, "_sum"), labels, None, &spread.sum);
            line(text, (name, "_count"), labels, None, &total);
        }
    }
}

fn line(
    text: &mut String,
    (name, suffix): (&str, &str),
    labels: &Labels,
    bound: Option<&str>,
    value: &impl std::fmt::Display,
) {
    text.push_str(name);
    text.push_str(suffix);
    let labels = labels.iter().map(|(name, value)| (*name, &**value)).chain(bound.map(|bound| ("le", bound)));
    let mut opened = false;
    for (name, value) in labels {
        text.push(if opened { ',' } else { '{' });
        opened = true;
        let _ = write!(text, "{name}=\"{}\"", escaped(value));
    }
    if opened {
        text.push('}');
    }
    let _ = writeln!(text, " {value}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::metric::{Histogram, label};

    #[test]
    fn metrics_are_written_as_prometheus_reads_them() {
        let histogram = Histogram::new(&[500_000, 1_000_000_000]);
        for micros in [400, 600, 2_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let families = [
            Family::counter("rows_total", "Rows").with(label("api", "query"), 7_u64),
            Family::gauge("up", "Whether").of(true).with(label("name", "a\"b\\c\nd"), 0.5),
            Family::gauge("none", "Nothing yet"),
            Family::histogram("took_seconds", "Time")
                .with(label("api", "query"), histogram.spread().unwrap()),
        ];
        let expected = "# HELP rows_total Rows
# TYPE rows_total counter
rows_total{api=\"query\"} 7
# HELP up Whether
# TYPE up gauge
up 1
up{name=\"a\\\"b\\\\c\\nd\"} 0.5
# HELP none Nothing yet
# TYPE none gauge
# HELP took_seconds Time
# TYPE took_seconds histogram
took_seconds_bucket{api=\"query\",le=\"0.0005\"} 1
took_seconds_bucket{api=\"query\",le=\"1\"} 2
took_seconds_bucket{api=\"query\",le=\"+Inf\"} 3
took_seconds_sum{api=\"query\"} 2.001
took_seconds_count{api=\"query\"} 3
";
        assert_eq!(text(&families), expected);
    }
}
