//! The words that the grammar decides by, and the functions.

/// A word of the grammar that the parser meets at many places. Words with one place only (`SCOPE`, `VIEWSTAT`) are
/// compared there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    And,
    As,
    Asc,
    By,
    Desc,
    Else,
    End,
    Excludes,
    False,
    First,
    For,
    From,
    Group,
    Having,
    In,
    Includes,
    Last,
    Like,
    Limit,
    Not,
    Null,
    Nulls,
    Offset,
    Or,
    Order,
    Select,
    Then,
    True,
    Typeof,
    Update,
    Using,
    When,
    Where,
    With,
}

/// A function over a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Count,
    CountDistinct,
    Avg,
    Sum,
    Min,
    Max,
    Format,
    ToLabel,
    ConvertCurrency,
    ConvertTimezone,
    Grouping,
    CalendarMonth,
    CalendarQuarter,
    CalendarYear,
    DayInMonth,
    DayInWeek,
    DayInYear,
    DayOnly,
    FiscalMonth,
    FiscalQuarter,
    FiscalYear,
    HourInDay,
    WeekInMonth,
    WeekInYear,
}

// === impl Keyword ===

impl Keyword {
    /// The keyword of `length` letters, lower case, packed as [`pack`] does.
    pub(crate) fn find(folded: u64, length: usize) -> Option<Self> {
        if !(2..=8).contains(&length) {
            return None;
        }
        Some(match folded {
            AND => Self::And,
            AS => Self::As,
            ASC => Self::Asc,
            BY => Self::By,
            DESC => Self::Desc,
            ELSE => Self::Else,
            END => Self::End,
            EXCLUDES => Self::Excludes,
            FALSE => Self::False,
            FIRST => Self::First,
            FOR => Self::For,
            FROM => Self::From,
            GROUP => Self::Group,
            HAVING => Self::Having,
            IN => Self::In,
            INCLUDES => Self::Includes,
            LAST => Self::Last,
            LIKE => Self::Like,
            LIMIT => Self::Limit,
            NOT => Self::Not,
            NULL => Self::Null,
            NULLS => Self::Nulls,
            OFFSET => Self::Offset,
            OR => Self::Or,
            ORDER => Self::Order,
            SELECT => Self::Select,
            THEN => Self::Then,
            TRUE => Self::True,
            TYPEOF => Self::Typeof,
            UPDATE => Self::Update,
            USING => Self::Using,
            WHEN => Self::When,
            WHERE => Self::Where,
            WITH => Self::With,
            _ => return None,
        })
    }

    /// Whether the word may name an object or a field all the same, as `Order` and `Group` do.
    pub(crate) fn may_be_name(self) -> bool {
        matches!(self, Self::Group) || self.may_be_alias()
    }

    /// Whether the word may be an alias. Where `ORDER` and `OFFSET` start a clause, they do.
    pub(crate) fn may_be_alias(self) -> bool {
        matches!(self, Self::Order | Self::Offset | Self::Typeof | Self::When | Self::Then | Self::End)
    }
}

macro_rules! packed {
    ($($name:ident $text:literal)*) => { $(const $name: u64 = pack($text);)* };
}

packed! {
    AND b"and" AS b"as" ASC b"asc" BY b"by" DESC b"desc" ELSE b"else" END b"end" EXCLUDES b"excludes" FALSE b"false"
    FIRST b"first" FOR b"for" FROM b"from" GROUP b"group" HAVING b"having" IN b"in" INCLUDES b"includes" LAST b"last"
    LIKE b"like" LIMIT b"limit" NOT b"not" NULL b"null" NULLS b"nulls" OFFSET b"offset" OR b"or" ORDER b"order"
    SELECT b"select" THEN b"then" TRUE b"true" TYPEOF b"typeof" UPDATE b"update" USING b"using" WHEN b"when"
    WHERE b"where" WITH b"with"
}

const fn pack(mut word: &[u8]) -> u64 {
    let mut packed = 0;
    while let [first, rest @ ..] = word {
        packed = packed << 8 | *first as u64;
        word = rest;
    }
    packed
}

// === impl Function ===

impl Function {
    /// The function of this name, in any letter case.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether it gathers many rows into one.
    pub(crate) fn is_aggregate(self) -> bool {
        matches!(self, Self::Count | Self::CountDistinct | Self::Avg | Self::Sum | Self::Min | Self::Max)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::CountDistinct => "COUNT_DISTINCT",
            Self::Avg => "AVG",
            Self::Sum => "SUM",
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::Format => "FORMAT",
            Self::ToLabel => "toLabel",
            Self::ConvertCurrency => "convertCurrency",
            Self::ConvertTimezone => "convertTimezone",
            Self::Grouping => "GROUPING",
            Self::CalendarMonth => "CALENDAR_MONTH",
            Self::CalendarQuarter => "CALENDAR_QUARTER",
            Self::CalendarYear => "CALENDAR_YEAR",
            Self::DayInMonth => "DAY_IN_MONTH",
            Self::DayInWeek => "DAY_IN_WEEK",
            Self::DayInYear => "DAY_IN_YEAR",
            Self::DayOnly => "DAY_ONLY",
            Self::FiscalMonth => "FISCAL_MONTH",
            Self::FiscalQuarter => "FISCAL_QUARTER",
            Self::FiscalYear => "FISCAL_YEAR",
            Self::HourInDay => "HOUR_IN_DAY",
            Self::WeekInMonth => "WEEK_IN_MONTH",
            Self::WeekInYear => "WEEK_IN_YEAR",
        }
    }

    pub(crate) const ALL: [Self; 24] = [
        Self::Count,
        Self::CountDistinct,
        Self::Avg,
        Self::Sum,
        Self::Min,
        Self::Max,
        Self::Format,
        Self::ToLabel,
        Self::ConvertCurrency,
        Self::ConvertTimezone,
        Self::Grouping,
        Self::CalendarMonth,
        Self::CalendarQuarter,
        Self::CalendarYear,
        Self::DayInMonth,
        Self::DayInWeek,
        Self::DayInYear,
        Self::DayOnly,
        Self::FiscalMonth,
        Self::FiscalQuarter,
        Self::FiscalYear,
        Self::HourInDay,
        Self::WeekInMonth,
        Self::WeekInYear,
    ];
}
