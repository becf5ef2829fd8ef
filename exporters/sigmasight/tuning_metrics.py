"""Every metric of how SigmaSight's answers are judged: ratings, annotations, what is learned from them.

All are gauges: ratings and annotations are written again in place and deleted, so that only their present state is
known. How often somebody rated is counted from the activity events.
"""

from __future__ import annotations

from exporters.core import llm
from exporters.core.label import closed, opened
from exporters.core.metric import Metric, gauge
from exporters.sigmasight.labels import DOCUMENT_SCOPE

RATINGS = ("up", "down")
MODES = ("green", "blue", "indigo", "violet")
TYPES = ("correction", "improvement", "flag", "approved")
SEVERITIES = ("minor", "moderate", "critical", "none")
STATUSES = ("pending", "reviewed", "applied")
AGES = ("under-1d", "1d-3d", "3d-7d", "7d-30d", "over-30d")

RATING = closed("rating", "What the user thought of the answer.", *RATINGS)
MODE = closed("mode", "Mode of the conversation.", *MODES)
MISSING = closed(
    "missing", "What core no longer has of a rated answer: its row among the requests, or the message.",
    "request", "message",
)  # fmt: skip
PART = closed("part", "What came with the rating.", "edit", "comment")
CONTENT = closed(
    "content", "Whether a text of no characters counts: the back end's two pages disagree.", "not_null", "not_empty"
)
TYPE = closed("annotation_type", "What the administrator did with the answer.", *TYPES)
SEVERITY = closed("severity", "How bad it was; `none` where nobody said.", *SEVERITIES)
STATUS = closed("status", "How far the annotation has come.", *STATUSES)
SUGGESTION = closed("suggestion", "Whether a better response was suggested.", "yes", "no")
TAG = opened("tag", "Tag of an annotation; the 20 most frequent.", 48)
AGE = closed("age", "Since the annotation was made.", *AGES)
RECENT = closed("window", "How far back from now.", "24h", "7d", "30d")

# ai_feedback -- probes `ratings` (AI database alone) and `ratings_by_model` (both)

FEEDBACK = gauge("sigmasight_feedback", "Ratings as they are; a changed rating is one rating.", (RATING,))
FEEDBACK_WITH = gauge(
    "sigmasight_feedback_with", "Ratings with an edited answer or a comment, by both definitions.", (PART, CONTENT)
)
BY_MODEL = gauge(
    "sigmasight_feedback_by_model", "Ratings by the model that answered, as far as core knows it.", (RATING, llm.MODEL)
)
BY_MODE = gauge(
    "sigmasight_feedback_by_mode", "Ratings by the conversation's mode, as far as core has it.", (RATING, MODE)
)
ORPHANS = gauge(
    "sigmasight_feedback_orphans", "Ratings of answers that core no longer has, which is no fault.", (MISSING,)
)
ANSWER_SECONDS = gauge(
    "sigmasight_feedback_answer_seconds", "Mean duration of the rated answers whose request core still has.", (RATING,)
)
LOOKED_UP = gauge("sigmasight_feedback_looked_up", "Ratings that were looked up in core; the newest 20 000 at most.")

# ai_admin_annotations -- probe `annotations`

ANNOTATIONS = gauge("sigmasight_annotations", "Annotations by type and status.", (TYPE, STATUS))
BY_SEVERITY = gauge("sigmasight_annotations_by_severity", "Annotations by severity and status.", (SEVERITY, STATUS))
BY_SUGGESTION = gauge(
    "sigmasight_annotations_by_suggestion", "Annotations with and without a suggested response.", (SUGGESTION, STATUS)
)
BY_TAG = gauge("sigmasight_annotations_by_tag", "Annotations by tag; one with several tags is in each.", (TAG,))
QUEUE = gauge("sigmasight_annotations_pending", "Annotations nobody has reviewed yet, by their age.", (AGE,))
OLDEST_PENDING = gauge(
    "sigmasight_annotations_oldest_pending_timestamp_seconds",
    "When the oldest annotation nobody has reviewed was made.",
)
LAST_CHANGE = gauge(
    "sigmasight_annotations_last_change_timestamp_seconds", "When an annotation was last made or edited."
)

# ai_kb_documents, ai_memories -- probe `learning`

DOCUMENTS_MADE = gauge(
    "sigmasight_knowledge_documents_made",
    "Documents of the knowledge base that are not older.",
    (DOCUMENT_SCOPE, RECENT),
)
NEWEST_DOCUMENT = gauge(
    "sigmasight_knowledge_newest_document_timestamp_seconds", "When the newest document was made.", (DOCUMENT_SCOPE,)
)
MEMORY_USERS = gauge("sigmasight_memory_users", "Users about whom something is remembered.")

METRICS: tuple[Metric, ...] = (
    FEEDBACK, FEEDBACK_WITH, BY_MODEL, BY_MODE, ORPHANS, ANSWER_SECONDS, LOOKED_UP,
    ANNOTATIONS, BY_SEVERITY, BY_SUGGESTION, BY_TAG, QUEUE, OLDEST_PENDING, LAST_CHANGE,
    DOCUMENTS_MADE, NEWEST_DOCUMENT, MEMORY_USERS,
)  # fmt: skip
