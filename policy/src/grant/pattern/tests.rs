use super::*;

fn asked(method: Method, path: &str, parameters: &[(&str, &str)]) -> Opaque {
    let parameters = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Opaque { method, path: path.into(), parameters, form: false, mentions: Vec::new() }
}

fn covers(pattern: &str, method: Method, path: &str) -> bool {
    pattern.parse::<Pattern>().unwrap().covers(&asked(method, path, &[("any", "thing")]))
}

#[test]
fn a_star_is_one_segment_and_two_are_the_rest() {
    assert!(covers("GET /services/apexrest/orders/*", Method::Get, "/services/apexrest/orders/7"));
    assert!(!covers("GET /services/apexrest/orders/*", Method::Post, "/services/apexrest/orders/7"));
    assert!(!covers("GET /services/apexrest/orders/*", Method::Get, "/services/apexrest/orders/7/lines"));
    assert!(!covers("GET /services/apexrest/orders/*", Method::Get, "/services/apexrest/orders"));
    assert!(covers("GET /services/apexrest/**", Method::Get, "/services/apexrest/orders/7/lines"));
    assert!(!covers("GET /services/apexrest/**", Method::Get, "/services/apexrest"));
    assert!(!covers("GET /services/apexrest/**", Method::Get, "/services/ApexRest/x"));
}

#[test]
fn a_pattern_spells_what_no_star_stands_for() {
    let spells = |pattern: &str| pattern.parse::<Pattern>().unwrap().spells(2..4);
    assert!(spells("POST /a/b/c/d") && spells("POST /a/*/c/d/**") && spells("POST /a/b/c/d?e=*"));
    assert!(!spells("POST /a/b/*/d") && !spells("POST /a/b/c/*") && !spells("POST /a/b/c/**"));
    assert!(!spells("POST /a/**") && !spells("POST /a/b/c"));
}

#[test]
fn odd_patterns_are_refused() {
    for odd in ["GET", "get /x", "GET x", "GET /**", "GET /*/x", "GET /a/**/b", "GET /a//b", "GET /a/../b"] {
        assert!(matches!(odd.parse::<Pattern>(), Err(InvalidPattern::Path(_))), "{odd}");
    }
}

#[test]
fn odd_query_strings_are_refused() {
    let odd = [
        "b",
        "=c",
        "b=c&",
        "&b=c",
        "b=c&&d=e",
        "*&b=c",
        "b=c&*&*",
        "b=c*",
        "b=*c",
        "b=**",
        "*=c",
        "b=c&b=d",
        "b=c&B=c",
        "%62=c&b=c",
        "b=c d",
        "b=\u{e9}",
        "b=%",
        "b=%ff",
        "b=c;d=e",
        "b=c#d",
        "b[]=c",
        "sid=c",
        "callback=c",
    ];
    for odd in odd {
        let read = format!("GET /a?{odd}").parse::<Pattern>();
        assert!(matches!(read, Err(InvalidPattern::Parameters(_))), "{odd}");
    }
}

#[test]
fn a_pinned_parameter_is_there_once_as_it_is_pinned() {
    let holds = |query: &str, parameters: &[(&str, &str)]| {
        let pattern: Pattern = format!("GET /a?{query}").parse().unwrap();
        pattern.covers(&asked(Method::Get, "/a", parameters))
    };
    let (orders, page) = (("loader", "orders"), ("page", "2"));
    for query in ["loader=orders", "%6Coader=order%73", "loader=orders&*", "*", "loader=*", "page=*&*"] {
        let loader = !query.starts_with("page");
        assert_eq!(holds(query, &[orders]), loader, "{query}");
        assert_eq!(holds(query, &[orders, page]), query.ends_with('*') && query != "loader=*", "{query}");
        assert_eq!(holds(query, &[page, orders]), holds(query, &[orders, page]), "{query}");
        assert_eq!(holds(query, &[]), query == "*", "{query}");
    }
    for query in ["loader=orders", "loader=orders&*"] {
        for value in ["secrets", "Orders", "orders ", "orders,secrets", ""] {
            assert!(!holds(query, &[("loader", value)]), "{query} {value}");
        }
        for (name, value) in [("Loader", "orders"), ("LOADER", "secrets"), ("loader", "orders")] {
            assert!(!holds(query, &[orders, (name, value)]), "{query} {name}");
            assert!(!holds(query, &[(name, value), orders]), "{query} {name}");
        }
        assert!(!holds(query, &[("Loader", "orders")]), "{query}");
    }
    assert!(holds("", &[]) && !holds("", &[page]), "nothing behind the `?` is no parameter at all");
    assert!(holds("a=", &[("a", "")]) && !holds("a=", &[("a", "1")]));
    assert!(holds("a=%2A", &[("a", "*")]) && !holds("a=%2A", &[("a", "1")]));
    assert!(holds("a=b+c%2B", &[("a", "b c+")]));
}

#[test]
fn a_form_adds_no_parameters_to_those_that_are_pinned() {
    let form = Opaque { form: true, ..asked(Method::Post, "/a", &[("loader", "orders")]) };
    for pinned in ["POST /a?loader=orders", "POST /a?loader=orders&*", "POST /a?*"] {
        assert!(!pinned.parse::<Pattern>().unwrap().covers(&form), "{pinned}");
        assert!(pinned.parse::<Pattern>().unwrap().covers(&Opaque { form: false, ..form.clone() }));
    }
    assert!("POST /a".parse::<Pattern>().unwrap().covers(&form));
}
