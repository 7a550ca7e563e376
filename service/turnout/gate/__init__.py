"""One verdict on a pull request: validate, plan, policy, cost, rehearsal. Called by `turnout check` and the drills."""
