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
    pub(crate) fn find(packed: u64, length: usize) -> Option<Self> {
        let (known, keyword) = *TABLE.get(slot(packed))?;
        if length <= 8 && known == packed { keyword } else { None }
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

/// Every keyword in the slot that its packed letters hash to. The factor was found by trial; a keyword that shares a
/// slot with another does not compile.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which reports an index out of range")]
static TABLE: [(u64, Option<Keyword>); 64] = {
    let mut table = [(0, None); 64];
    let mut rest: &[(&[u8], Keyword)] = &KEYWORDS;
    while let [(word, keyword), after @ ..] = rest {
        let packed = pack(word);
        assert!(table[slot(packed)].1.is_none(), "two keywords share a slot: find another factor");
        table[slot(packed)] = (packed, Some(*keyword));
        rest = after;
    }
    table
};

const KEYWORDS: [(&[u8], Keyword); 34] = [
    (b"and", Keyword::And),
    (b"as", Keyword::As),
    (b"asc", Keyword::Asc),
    (b"by", Keyword::By),
    (b"desc", Keyword::Desc),
    (b"else", Keyword::Else),
    (b"end", Keyword::End),
    (b"excludes", Keyword::Excludes),
    (b"false", Keyword::False),
    (b"first", Keyword::First),
    (b"for", Keyword::For),
    (b"from", Keyword::From),
    (b"group", Keyword::Group),
    (b"having", Keyword::Having),
    (b"in", Keyword::In),
    (b"includes", Keyword::Includes),
    (b"last", Keyword::Last),
    (b"like", Keyword::Like),
    (b"limit", Keyword::Limit),
    (b"not", Keyword::Not),
    (b"null", Keyword::Null),
    (b"nulls", Keyword::Nulls),
    (b"offset", Keyword::Offset),
    (b"or", Keyword::Or),
    (b"order", Keyword::Order),
    (b"select", Keyword::Select),
    (b"then", Keyword::Then),
    (b"true", Keyword::True),
    (b"typeof", Keyword::Typeof),
    (b"update", Keyword::Update),
    (b"using", Keyword::Using),
    (b"when", Keyword::When),
    (b"where", Keyword::Where),
    (b"with", Keyword::With),
];

const fn slot(packed: u64) -> usize {
    (packed.wrapping_mul(0x2cca_701d_b007_cf87) >> 58) as usize
}

/// A word of at most eight letters as a number, the first letter lowest.
const fn pack(word: &[u8]) -> u64 {
    let mut packed = 0;
    let mut rest = word;
    while let [before @ .., last] = rest {
        packed = packed << 8 | *last as u64;
        rest = before;
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
