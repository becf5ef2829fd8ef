"""The words SigmaSight's writers use. None is enforced by the database: they are habits."""

from typing import Final

FUNNEL: Final = (
    "onboarding.register_start",
    "onboarding.register_complete",
    "onboarding.login_success",
    "onboarding.portfolio_start",
    "onboarding.portfolio_complete",
)
REGISTER_ERRORS: Final = (
    "InviteCodeError",
    "UserExistsError",
    "WeakPasswordError",
    "InvalidFullNameError",
    "EMAIL_EXISTS",
    "DATABASE_ERROR",
    "UNKNOWN_ERROR",
)
"""Python exception class names from the newer route, codes from the older one."""
LOGIN_ERRORS: Final = ("INVALID_PASSWORD", "INVALID_PASSWORD", "USER_NOT_FOUND", "USER_INACTIVE")
PORTFOLIO_ERRORS: Final = (
    "CSVValidationError",
    "CSVValidationError",
    "PortfolioExistsError",
    "InvalidAccountTypeError",
)

AI_ERRORS: Final = (
    "rate_limit_exceeded",
    "quota_exceeded",
    "authentication_error",
    "internal_error",
    "api_failure",
    "incomplete_response",
    "continuation_failed",
    "continuation_exception",
    "STREAM_FAILED",
)
AI_ERRORS_IN_A_HUNDRED: Final = (34, 4, 2, 12, 26, 9, 3, 2, 5, 3)
"""How often each comes on calm days; the last is an error without a type."""
REFUSED: Final = frozenset({"quota_exceeded", "authentication_error"})
"""Errors that end a request at once; the others come after retries."""

MODEL: Final = "gpt-5-mini"
"""Of default and fallback alike, unless configured."""
MODES: Final = ("green", "green", "green", "blue", "indigo", "violet")
TOOLS: Final = (
    "get_portfolio_complete",
    "get_positions_details",
    "get_prices_historical",
    "get_factor_exposures",
    "get_analytics_overview",
    "get_sector_exposure",
    "get_correlation_matrix",
    "get_stress_test_results",
    "get_company_profile",
    "get_market_news",
)
UNKNOWN_TOOL: Final = "unknown_tool"
INVENTED_TOOL: Final = "get_tomorrows_prices"
"""A name is recorded before it is validated: a model can make one up."""

ANNOTATION_TYPES: Final = ("correction", "improvement", "flag", "approved")
SEVERITIES: Final = ("minor", "moderate", "critical", None)
ANNOTATION_STATUSES: Final = ("pending", "reviewed", "applied")
TAGS: Final = ("tone", "numbers", "missing-tool", "too-long", "disclaimer")
MEMORY_SCOPES: Final = ("user", "user", "user", "portfolio", "global")
MEMORY_SOURCES: Final = ("auto_extraction", "auto_extraction", "feedback_learning", "pattern_analysis")
SEEDED_DOCUMENTS: Final = 36
"""The web process seeds the knowledge base again at start when there are fewer."""
LEARNED_SCOPE: Final = "feedback:positive_example"
MEMORIES_PER_USER: Final = 50
RETENTION_DAYS: Final = 30
SESSION_RETENTION_DAYS: Final = 7
SESSION_HOURS: Final = 8

TALK: Final = (
    ("How concentrated is my portfolio?", "Three positions make up 54 % of the value; the largest of them alone 23 %."),
    ("What would a rise of rates by one percent do to it?", "The stress test shows a loss of four percent."),
    ("Which positions moved together last month?", "The correlation matrix has two clusters: chips, and utilities."),
    ("Show my exposure by sector", "Technology weighs the most with 38 %, utilities the least with 3 %."),
    ("Is there news about my largest position?", "Nothing was reported in the last two days."),
    ("How did I do against the index this year?", "You are 1.8 points behind it, most of that since August."),
    ("Which of my funds is the most expensive?", "The emerging markets fund, with 0.92 % a year."),
    ("What happens if the dollar falls by ten percent?", "About six percent less, as 61 % of it is in dollars."),
)
"""What people ask, and what they are told."""
MEMORIES: Final = (
    "Prefers short answers with numbers.",
    "Wants losses in percent, not in dollars.",
    "Asks about rates before every meeting of the central bank.",
    "Holds the chip maker for the long run and does not want to hear that it is volatile.",
    "Compares everything with the index.",
)
NOTES: Final = {
    "correction": ("The number is of last week.", "Say of which day the prices are."),
    "improvement": ("Four paragraphs for a question of one line.", "Say it in one sentence."),
    "flag": ("Reads like advice to buy.", "Say what speaks for and against it, and that this is no advice."),
    "approved": ("Names the source and the day of its prices.", None),
}
"""Type of an annotation -> what is noted, and suggested."""
