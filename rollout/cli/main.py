"""The `rollout` command: its verbs, its version, its log."""

import click

from rollout.cli.group import VerbGroup

VERBS = {
    "demo": ("rollout.cli.demo:demo", "See a rollout of twelve emulated services; touches nothing else."),
    "run": ("rollout.cli.run:run", "Run a policy in the foreground until it is over."),
    "apply": ("rollout.cli.apply:apply", "Submit a policy to a daemon, and wait for what comes of it."),
    "wait": ("rollout.cli.apply:wait", "Wait until a rollout is finished, or waits for an approval."),
    "watch": ("rollout.cli.watch:watch", "Watch a rollout, or all of them, as it goes on."),
    "ui": ("rollout.cli.watch:ui", "Print a link to a daemon's dashboard."),
    "why": ("rollout.cli.why:why", "Say what a rollout or a service is doing, and what frees it."),
    "get": ("rollout.cli.get:get", "Show a rollout or a service with evidence, operation and way back."),
    "list": ("rollout.cli.get:list_rollouts", "List the rollouts of a state directory or a daemon."),
    "history": ("rollout.cli.history:history", "Show which rollouts a service was in."),
    "events": ("rollout.cli.watch:events", "Show what was recorded, and follow what is."),
    "report": ("rollout.cli.report:report", "Write what was planned and what happened, on one page."),
    "audit": ("rollout.cli.audit:audit", "Check the journal's chain, or export it."),
    "notifications": ("rollout.cli.notifications:notifications", "List who was told what, and what nobody took."),
    "pause": ("rollout.cli.people:pause", "Go no further; going back is never paused."),
    "resume": ("rollout.cli.people:resume", "Lift pauses, stops, and a rollout's halt."),
    "stop": ("rollout.cli.people:stop", "Make no new call in either direction."),
    "advance": ("rollout.cli.people:advance", "End a gate or a bake now."),
    "retry": ("rollout.cli.people:retry", "Take up again what was given up, or begin it anew."),
    "exclude": ("rollout.cli.people:exclude", "Take a service out."),
    "rollback": ("rollout.cli.people:rollback", "Go back, as soon as the platform allows."),
    "resolve": ("rollout.cli.people:resolve", "Say what a service has come to."),
    "claim": ("rollout.cli.people:claim", "Tell others that you have what needs somebody."),
    "halt": ("rollout.cli.people:halt", "Start nothing new."),
    "abort": ("rollout.cli.people:abort", "Take back all that has not ended."),
    "approve": ("rollout.cli.people:approve", "Say yes to what waits for it."),
    "reject": ("rollout.cli.people:reject", "Say no: no later wave starts."),
    "amend": ("rollout.cli.amending:amend", "Give a rollout other timing, health or caps."),
    "freeze": ("rollout.cli.freezing:freeze", "Begin no service of any rollout."),
    "unfreeze": ("rollout.cli.freezing:unfreeze", "Lift the freeze."),
    "withdraw": ("rollout.cli.people:withdraw", "Take a command back that no engine has read."),
    "suspend": ("rollout.cli.outside:suspend", "Suspend a deployment: an outage."),
    "start": ("rollout.cli.outside:start", "Start a suspended deployment."),
    "swap": ("rollout.cli.outside:swap", "Exchange production and staging of a service."),
    "instance": ("rollout.cli.outside:instance", "Reboot, reimage or rebuild one role instance."),
    "revert": ("rollout.cli.revert:revert", "Take an ended rollout back, by a new one."),
    "token": ("rollout.cli.token:token", "Make, list and revoke the tokens of a daemon's people."),
    "plan": ("rollout.cli.plan:plan", "Say what a policy would do, and when it would be done; changes nothing."),
    "rehearse": ("rollout.cli.rehearse:rehearse", "Run a policy many times on an emulated fleet, in virtual time."),
    "validate": ("rollout.cli.policy:validate", "Check policies, fleets and every file they name."),
    "schema": ("rollout.cli.policy:schema", "Print the JSON Schema of policies and fleets."),
    "explain": ("rollout.cli.policy:explain", "Say what a field of a policy means."),
    "init": ("rollout.cli.init:init", "Write a first settings file, and test its credentials."),
    "doctor": ("rollout.cli.doctor:doctor", "Say what is missing for a rollout, and what to do."),
    "fleet": ("rollout.cli.fleet:fleet", "Make a fleet file from a subscription, or compare one with it."),
    "state": ("rollout.cli.state:state", "Back up a state directory, or go on from a copy."),
    "daemon": ("rollout.cli.daemon:daemon", "Run rollouts for weeks, behind an HTTP API and a dashboard."),
    "generate": ("rollout.cli.generate:generate", "Print a systemd unit, a pipeline or a Dockerfile."),
    "completion": ("rollout.cli.completion:completion", "Print the completion script of a shell."),
    "emulator": ("rollout.cli.emulator:emulator", "Serve an emulated Service Management API."),
}


@click.group("rollout", cls=VerbGroup, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rollout-engine", prog_name="rollout")
def cli() -> None:
    """Manual-mode rolling upgrades on many cloud services at once: gated, resumable, rehearsable.

    Data goes to stdout, progress to stderr. Exit codes: 0 as the policy allows,
    1 error, 2 plan has changes, 3 failed and went back, 4 failed and held for a person, 5 timed out
    still running, 6 refused, 7 ended by a person, 64 usage, 65 bad policy, 69
    endpoint, engine or daemon unreachable, 70 a bug in rollout, 75 state directory
    in use, 77 forbidden, 130 interrupted.
    """
    from rollout.cli.log import log_to_stderr

    log_to_stderr()


def main() -> None:
    """Run the command line of this process."""
    cli.main(prog_name="rollout")


if __name__ == "__main__":
    main()
