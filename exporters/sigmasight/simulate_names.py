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

QUESTIONS: Final = (
    "How concentrated is my portfolio?",
    "What would a rise of rates by one percent do to it?",
    "Which positions moved together last month?",
    "Show my exposure by sector",
    "Is there news about my largest position?",
)
ANSWERS: Final = (
    "Three positions make up more than half of the value.",
    "The stress test shows a loss of four percent.",
    "The correlation matrix has two clusters.",
    "Technology weighs the most, utilities the least.",
    "Nothing was reported in the last two days.",
)
