"""HER / Decisions: the audit trail, the debate behind it, what users thought of it, and how HER changed."""

from __future__ import annotations

from exporters.core.flux import events
from exporters.core.metric import Not, Var, Where
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import CHATS, DECISIONS, JOBS, LOGS, TRUE_FALSE, newest, page
from grafana.dashboards.panels import (
    AGE,
    NUMBER,
    RATIO,
    SCORE,
    SECONDS,
    Limits,
    bar_gauge,
    choice,
    column,
    event_table,
    gauge,
    go,
    heatmap,
    label_table,
    line,
    number,
    row,
    stat,
    timeseries,
)
from grafana.dashboards.system_page import share

CHOSEN = {lb.EVENT_TYPE: Var("event_type"), lb.SOURCE: Var("source")}
SOURCE = {lb.SOURCE: Var("source")}
BUT_HEARTBEATS: Where = {lb.EVENT_TYPE: Not(("scheduler_system_job",)), lb.SOURCE: Var("source")}
REASONING = ("agent_step", "autonomous_operator_action", "internal_debate", "verifier_result")
DEBATE = ("internal_debate", "verifier_result")
RANGE = "$__range"
VERDICT_COLOURS = {"yes": "green", "no": "orange"}

AUDIT = row(
    "What did HER decide?",
    stat(
        "Decisions",
        "How many decisions did HER log in this time range, without its once-a-minute signs of life?",
        m.DECISIONS.increase(RANGE, where=BUT_HEARTBEATS),
    ),
    stat("Newest", "How long ago was the newest entry of the decision log?", newest("decisions"), unit=AGE),
    timeseries(
        "Decisions in the last hour",
        "Which part of HER decided how much in the hour before each moment, without signs of life?",
        line(m.DECISIONS.increase("1h", by=lb.SOURCE, where=BUT_HEARTBEATS), lb.SOURCE),
        style="stacked",
        width=16,
    ),
    bar_gauge(
        "By type",
        "Which kinds of decisions did HER log in this time range?",
        line(m.DECISIONS.increase(RANGE, by=lb.EVENT_TYPE, where=CHOSEN).topk(16), lb.EVENT_TYPE),
        width=12,
        height=11,
    ),
    bar_gauge(
        "By source",
        "Which parts of HER logged decisions in this time range?",
        line(m.DECISIONS.increase(RANGE, by=lb.SOURCE, where=CHOSEN).topk(10), lb.SOURCE),
        colour="purple",
        width=12,
        height=11,
    ),
    event_table(
        "Audit trail",
        "What did HER decide, when, for whom, and with which figures? Words are on HER / Decision details.",
        events(m.DECISION_POINT)
        .where(CHOSEN)
        .table(
            ["event_type", "source", "verdict", "stage", "mood", "duration_seconds", "score", "confidence", "user"],
            limit=300,
        ),
        [
            column("event_type", "Type", wide=220, links=(go("Logs", LOGS), go("Jobs", JOBS), go("Chats", CHATS))),
            column("source", "Source"),
            column(lb.VERDICT, "Verdict", wide=90),
            column("stage", "Stage", wide=130),
            column("mood", "Mood", wide=100),
            column("duration_seconds", "Duration", unit=SECONDS),
            column("score", "Score", unit=NUMBER),
            column("confidence", "Confidence", unit=NUMBER),
            column("user", "User", wide=170),
        ],
        height=12,
    ),
)

REASONED = row(
    "How did it reason?",
    gauge(
        "Plans approved",
        "Which share of the plans of this time range did HER's own sceptic approve?",
        share(m.DEBATES.increase(RANGE, where={lb.VERDICT: "yes"}), m.DEBATES.increase(RANGE)),
        nothing="no debate",
        may_be_empty="HER debates only when it acts.",
    ),
    gauge(
        "Steps verified",
        "Which share of the steps of this time range did HER's verifier accept?",
        share(m.VERIFICATIONS.increase(RANGE, where={lb.VERDICT: "yes"}), m.VERIFICATIONS.increase(RANGE)),
        nothing="no step",
        may_be_empty="HER verifies only when it acts.",
    ),
    stat(
        "Agent steps",
        "How many steps did the action agent take in this time range?",
        m.AGENT_STEPS.increase(RANGE),
        may_be_zero="HER only chatted.",
    ),
    timeseries(
        "Debates and verifications",
        "How often were plans and steps refused in the hour before each moment?",
        line(m.DEBATES.increase("1h", where={lb.VERDICT: "yes"}), "plan approved"),
        line(m.DEBATES.increase("1h", where={lb.VERDICT: "no"}), "plan refused"),
        line(m.VERIFICATIONS.increase("1h", where={lb.VERDICT: "yes"}), "step verified"),
        line(m.VERIFICATIONS.increase("1h", where={lb.VERDICT: "no"}), "step refused"),
        style="stacked",
        colours={
            "plan approved": "green",
            "plan refused": "orange",
            "step verified": "light-green",
            "step refused": "light-orange",
        },
        may_be_zero="HER debates only when it acts.",
        width=12,
    ),
    heatmap(
        "Confidence of the verifier",
        "How sure is the verifier of itself? The model gives the figure, so it may lie beyond 1.",
        m.VERIFIER_CONFIDENCE.distribution(),
        RATIO,
        may_be_zero="HER verifies only when it acts.",
        width=10,
    ),
    event_table(
        "Debate trace",
        "Which plan or step was refused, and how sure was the verifier?",
        events(m.DECISION_POINT).where({lb.EVENT_TYPE: DEBATE}).table(["event_type", "verdict", "confidence", "user"]),
        [
            column("event_type", "Type"),
            column(lb.VERDICT, "Verdict"),
            column("confidence", "Confidence", unit=NUMBER),
            column("user", "User"),
        ],
        may_be_empty="HER did not act in this time range.",
        nothing="HER did not act in this time range",
        width=14,
    ),
    event_table(
        "Reasoning flow",
        "Which steps led from plan to result?",
        events(m.DECISION_POINT).where({lb.EVENT_TYPE: REASONING}).table(["event_type", "step", "verdict", "user"]),
        [
            column("event_type", "Type"),
            column("step", "Step"),
            column(lb.VERDICT, "Verdict"),
            column("user", "User"),
        ],
        may_be_empty="HER did not act in this time range.",
        nothing="HER did not act in this time range",
        width=10,
    ),
)

REINFORCED = row(
    "What did users think of it?",
    timeseries(
        "Judgements in the last hour",
        "How did users take HER's replies in the hour before each moment? One or two judgements per interaction.",
        line(m.REINFORCEMENT.increase("1h", by=lb.SENTIMENT), lb.SENTIMENT),
        style="stacked",
        width=12,
    ),
    timeseries(
        "Mean score",
        "Do users like HER's replies better or worse? From -1 to 1.",
        line(events(m.REINFORCEMENT_POINT, "score").window("mean"), "score"),
        interval="5m",
        unit=SCORE,
        colours={"score": "blue"},
        lowest=-1,
        highest=1,
        may_be_empty="nobody talked to HER in this time range.",
        nothing="Nobody talked to HER in this time range",
        width=12,
    ),
    bar_gauge(
        "Reasons",
        "Why were replies of this time range scored as they were?",
        line(m.REINFORCEMENT_REASONS.increase(RANGE, by=lb.REASON_TOKEN).topk(12), lb.REASON_TOKEN),
        width=9,
        height=9,
    ),
    bar_gauge(
        "Traits",
        "What has HER learnt to be, on average over all users?",
        line(m.PROFILE_TRAITS.avg(by=lb.TRAIT), lb.TRAIT),
        unit=RATIO,
        colour="purple",
        width=5,
        height=9,
    ),
    stat(
        "Profiles",
        "For how many users has HER learnt something?",
        m.PROFILES.sum(),
        width=3,
        height=9,
    ),
    stat(
        "Tasks succeeded",
        "Which share of the scored replies of this time range did what was asked?",
        share(m.REINFORCED_TASKS.increase(RANGE, where={lb.OUTCOME: "success"}), m.REINFORCED_TASKS.increase(RANGE)),
        unit=RATIO,
        limits=Limits(warn_below=0.9, bad_below=0.7),
        width=3,
        height=9,
    ),
    event_table(
        "Scores, one by one",
        "How was each reply judged?",
        events(m.REINFORCEMENT_POINT).table(
            ["label", "score", "task_succeeded", "concise", "helpful", "emotionally_aligned", "user"]
        ),
        [
            column(lb.SENTIMENT, "Judgement"),
            column("score", "Score", unit=NUMBER),
            column("task_succeeded", "Task succeeded", words=TRUE_FALSE),
            column("concise", "Concise", words=TRUE_FALSE),
            column("helpful", "Helpful", words=TRUE_FALSE),
            column("emotionally_aligned", "Met the mood", words=TRUE_FALSE),
            column("user", "User"),
        ],
        may_be_empty="nobody talked to HER in this time range.",
        nothing="Nobody talked to HER in this time range",
        height=9,
    ),
)

AUTONOMY = row(
    "How does it change?",
    timeseries(
        "Autonomy trend",
        "Do engagement of users and initiative of HER rise or fall? Means of the hour before each moment.",
        line(m.ENGAGEMENT.mean(window="1h"), "engagement"),
        line(m.INITIATIVE.mean(window="1h"), "initiative"),
        unit=RATIO,
        colours={"engagement": "blue", "initiative": "purple"},
        highest=1,
    ),
    timeseries(
        "Users answer within",
        "How long do users take to answer HER? Half of them, and all but the slowest tenth.",
        line(m.USER_RESPONSE.quantile(0.5, window="1h"), "half"),
        line(m.USER_RESPONSE.quantile(0.9, window="1h"), "90 %"),
        unit=SECONDS,
        colours={"half": "blue", "90 %": "purple"},
    ),
    bar_gauge(
        "Daily reflections",
        "What did HER's daily reflections of this time range conclude?",
        line(m.REFLECTIONS.increase(RANGE, by=lb.TREND), lb.TREND),
        may_be_zero="HER reflects once a day.",
        width=8,
    ),
    event_table(
        "Reflections, one by one",
        "When did HER reflect, and how far did it change its initiative?",
        events(m.DECISION_POINT).where({lb.EVENT_TYPE: "reflection"}).table(["user", "initiative_adjustment"]),
        [column("user", "User"), column("initiative_adjustment", "Initiative changed by", unit=NUMBER)],
        may_be_empty="HER reflects once a day.",
        nothing="HER reflects once a day; not in this time range",
        width=16,
        height=8,
    ),
)

TOOLS = row(
    "What did it use?",
    bar_gauge(
        "Tool calls",
        "Which tools did HER call in this time range?",
        line(m.TOOL_CALLS.increase(RANGE, by=lb.TOOL_CALLED).topk(10), lb.TOOL_CALLED),
        may_be_empty="HER called no tool since the exporter began.",
    ),
    label_table(
        "Model failovers",
        "Which model provider failed in this time range, with which status, and who answered instead?",
        [
            column(lb.PRIMARY, "Failed"),
            column(lb.FALLBACK, "Answered"),
            column(lb.STATUS_CODE, "Status"),
            number("Times", m.FAILOVERS.increase(RANGE, by=(lb.PRIMARY, lb.FALLBACK, lb.STATUS_CODE)) > 0),
        ],
        sort_by="Times",
        descending=True,
        may_be_empty="no provider failed in this time range.",
        nothing="No provider failed in this time range",
        width=8,
    ),
    label_table(
        "Capability probes",
        "What did HER find when it probed the internet and the sandbox in this time range?",
        [
            column(lb.CAPABILITY, "Capability"),
            column(lb.VERDICT, "Available"),
            number("Probes", m.CAPABILITY_PROBES.increase(RANGE, by=(lb.CAPABILITY, lb.VERDICT))),
        ],
        sort_by="Probes",
        descending=True,
        may_be_zero="HER probes when it starts.",
        width=8,
    ),
)

BOARD = page(
    "Decisions",
    DECISIONS,
    "decisions",
    "What did HER decide, how did it reason, what did users think of it, and how does it change?",
    [AUDIT, REASONED, REINFORCED, AUTONOMY, TOOLS],
    choice(lb.EVENT_TYPE, "Type"),
    choice(lb.SOURCE, "Source"),
)
