"""The API: every route, who may use it, and who answers. OpenAPI is made from this table and from nothing else."""

from typing import Final

from rollout.daemon.auth.role import Role
from rollout.daemon.http.handlers import (
    actions,
    bundles,
    documents,
    engine,
    events,
    legal,
    notices,
    persons,
    plan,
    policies,
    report,
    rollouts,
    services,
    submitting,
    texts,
    timeline,
)
from rollout.daemon.http.pages import PageQuery
from rollout.daemon.http.route import Route
from rollout.daemon.http.static import to_ui, ui
from rollout.planning.document import PlanDocument
from rollout.views.head import RolloutHead
from rollout.views.notices import NoticeView
from rollout.views.policies import PolicyText
from rollout.views.report import Report
from rollout.views.timeline import TimelineEntry

ANYBODY: Final[tuple[Role, ...]] = ()
OPERATORS: Final = (Role.OPERATOR,)
SPEAKERS: Final = (Role.OPERATOR, Role.APPROVER)
ROLLOUT: Final = "/v1/rollouts/{rollout}"

ROUTES: Final = (
    Route("GET", "/v1/me", persons.me, "Who the caller is."),
    Route(
        "POST", "/v1/tickets", persons.ticket, "A ticket that is good once.", body=persons.TicketBody, statuses=(201,)
    ),
    Route(
        "POST",
        "/v1/session",
        persons.session,
        "A browser's session, for the ticket of a link.",
        roles=ANYBODY,
        body=persons.SessionBody,
        statuses=(201,),
    ),
    Route(
        "GET",
        "/v1/rollouts",
        rollouts.rollouts,
        "All rollouts, the oldest first.",
        query=rollouts.RolloutsQuery,
        answers=RolloutHead,
    ),
    Route(
        "POST",
        "/v1/rollouts",
        submitting.submit,
        "Submit a policy with everything it names; `dry_run=1` does nothing, and answers what it would come to.",
        roles=OPERATORS,
        query=submitting.SubmitQuery,
        body=bundles.BundleBody,
        statuses=(200, 201),
    ),
    Route("GET", ROLLOUT, rollouts.rollout, "One rollout with its services.", query=rollouts.ServicesQuery),
    Route("GET", f"{ROLLOUT}/services/{{service}}", rollouts.service, "One service with all that is known of it."),
    Route(
        "GET",
        f"{ROLLOUT}/timeline",
        timeline.timeline,
        "What happened, the oldest first.",
        query=timeline.TimelineQuery,
        answers=TimelineEntry,
    ),
    Route(
        "GET",
        f"{ROLLOUT}/plan",
        plan.plan,
        "What was expected of the rollout when it was submitted.",
        answers=PlanDocument,
    ),
    Route(
        "GET",
        f"{ROLLOUT}/policies",
        texts.texts,
        "The policy as it was submitted, and as it was amended.",
        query=PageQuery,
        answers=PolicyText,
    ),
    Route(
        "GET",
        f"{ROLLOUT}/report",
        report.report,
        "What was planned and what happened; `format=html` is one page.",
        query=report.ReportQuery,
        answers=Report,
    ),
    Route(
        "GET",
        f"{ROLLOUT}/actions",
        legal.actions,
        "Which words are legal now, and why the others are not.",
        query=legal.ActionsQuery,
    ),
    Route(
        "POST",
        f"{ROLLOUT}/actions",
        actions.act,
        "Say a word to the rollout or to services of it; `dry_run=1` does nothing.",
        roles=SPEAKERS,
        query=submitting.DryQuery,
        body=actions.ActionBody,
        statuses=(200, 202),
    ),
    Route("GET", "/v1/services", services.services, "Which release runs where.", query=PageQuery),
    Route(
        "GET",
        "/v1/services/{service}",
        services.history,
        "How a service came to it, the newest first.",
        query=PageQuery,
    ),
    Route("GET", "/v1/policies", policies.policies, "The policies of the daemon's folder."),
    Route(
        "POST",
        "/v1/policies/{name}",
        policies.submit_policy,
        "Submit one of them as it was offered.",
        roles=OPERATORS,
        body=policies.SubmitBody,
        statuses=(200, 201),
    ),
    Route("GET", "/v1/operations", engine.operations, "Calls that the platform has accepted and that are followed."),
    Route(
        "GET",
        "/v1/notices",
        notices.notices,
        "What people were told, and what nobody took.",
        query=notices.NoticesQuery,
        answers=NoticeView,
    ),
    Route(
        "POST",
        "/v1/notices",
        notices.resend,
        "Send again what nobody took, of one rollout or of all.",
        roles=OPERATORS,
        body=notices.AgainBody,
        statuses=(202,),
    ),
    Route("GET", "/v1/freeze", engine.freeze, "Whether anything is begun just now."),
    Route(
        "POST",
        "/v1/freeze",
        engine.set_freeze,
        "Begin no service of any rollout, or lift that.",
        roles=OPERATORS,
        body=engine.FreezeBody,
        statuses=(202,),
    ),
    Route("GET", "/v1/status", engine.status, "How the engine does."),
    Route(
        "GET",
        "/v1/events",
        events.events,
        "What happens, as server-sent events.",
        query=events.EventsQuery,
        content_type="text/event-stream",
        ticket=True,
        streams=True,
    ),
    Route("GET", "/metrics", engine.metrics, "`rolloutd_*` for Prometheus.", content_type="text/plain"),
    Route("GET", "/healthz", engine.healthy, "The process answers.", roles=ANYBODY),
    Route("GET", "/readyz", engine.ready, "It does all it should.", roles=ANYBODY),
    Route("GET", "/openapi.json", documents.openapi, "This API."),
    Route(
        "GET",
        "/schema/policy.json",
        documents.schema,
        "What a policy may say, as JSON Schema.",
        content_type="application/schema+json",
    ),
    Route("GET", "/", to_ui, "The dashboard's address.", roles=ANYBODY, statuses=(308,), content_type="text/plain"),
    Route("GET", "/ui/{*file}", ui, "The dashboard.", roles=ANYBODY, content_type="text/html"),
)
