"""Kubernetes objects as far as the controller reads them. Decoded from the API's JSON; unknown fields are left out.

Names are Kubernetes' own (camelCase there, snake_case here). Pod specs stay plain JSON values: they are handed on,
not
understood.
"""

from __future__ import annotations

from typing import Any

import msgspec

COLLECTION = "turnout.dev/collection"
"""Label of everything that belongs to one collection."""
COMPONENT = "app.kubernetes.io/component"
"""Label that says what an object is: `search`, `controller`, `fill`, `verify`, `follow`, `release`."""
RELEASE = "turnout.dev/release"
"""Label of a Job or follower: the release id that it works for."""
OF_HASH = "turnout.dev/pod-template-hash"
"""Label of a Job or follower: the revision whose image and models it runs. Not Argo's own label, by which Services find
search pods."""
VIEW = "turnout.dev/view"
"""Annotation of a follower: the view that it keeps up to date. An index name may be longer than a label."""
HASH = "rollouts-pod-template-hash"
"""Label by which Argo Rollouts tells the pods of one ReplicaSet from another's."""
REVISION = "rollout.argoproj.io/revision"
"""Annotation of a ReplicaSet and an AnalysisRun: Argo's number of the revision. It grows when one is gone back to."""


class _Object(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The base: strict about what is read, silent about the rest."""


class Owner(_Object, frozen=True, kw_only=True):
    """Who an object belongs to."""

    kind: str
    name: str
    uid: str


class Meta(_Object, frozen=True, kw_only=True):
    """Metadata. Times are RFC 3339 in UTC."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[Owner, ...] = ()


class Named(_Object, frozen=True, kw_only=True):
    """Any object, without its content."""

    metadata: Meta


class ConfigMap(_Object, frozen=True, kw_only=True):
    """A ConfigMap with text only."""

    metadata: Meta
    data: dict[str, str] = {}


class WorkloadSpec(_Object, frozen=True, kw_only=True):
    """The part of a ReplicaSet's or Deployment's spec that is read. `template` is the pod template."""

    template: dict[str, Any] = {}
    replicas: int | None = None


class WorkloadStatus(_Object, frozen=True, kw_only=True):
    """How many pods there are."""

    replicas: int = 0
    ready_replicas: int = 0


class ReplicaSet(_Object, frozen=True, kw_only=True):
    """One revision of a Rollout; its number is in the annotation `rollout.argoproj.io/revision`."""

    metadata: Meta
    spec: WorkloadSpec
    status: WorkloadStatus = WorkloadStatus()


class Deployment(_Object, frozen=True, kw_only=True):
    """A follower."""

    metadata: Meta
    spec: WorkloadSpec
    status: WorkloadStatus = WorkloadStatus()


class Condition(_Object, frozen=True, kw_only=True):
    """A condition of a Job."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class JobStatus(_Object, frozen=True, kw_only=True):
    """How far a Job is. Its end is the condition `Complete` or `Failed`."""

    conditions: tuple[Condition, ...] = ()


class Job(_Object, frozen=True, kw_only=True):
    """A backfill (Indexed, a completion for each shard) or a verification."""

    metadata: Meta
    spec: WorkloadSpec = WorkloadSpec()
    status: JobStatus = JobStatus()


class RolloutSpec(_Object, frozen=True, kw_only=True):
    """`rollback_window` is `{"revisions": n}` or None."""

    template: dict[str, Any] = {}
    replicas: int | None = None
    rollback_window: dict[str, int] | None = None


class PauseCondition(_Object, frozen=True, kw_only=True):
    """Why a Rollout is paused: `CanaryPauseStep`, `InconclusiveAnalysisRun` ..."""

    reason: str
    start_time: str = ""


class CanaryWeight(_Object, frozen=True, kw_only=True):
    """The weight in percent that goes to a pod template hash."""

    weight: int = 0
    pod_template_hash: str = ""


class CanaryWeights(_Object, frozen=True, kw_only=True):
    """Set only with a traffic router. `additional` are those of experiments."""

    canary: CanaryWeight = CanaryWeight()
    stable: CanaryWeight = CanaryWeight()
    additional: tuple[CanaryWeight, ...] = ()


class RunOfRollout(_Object, frozen=True, kw_only=True):
    """An AnalysisRun that a Rollout names as its current one."""

    name: str = ""


class CanaryStatus(_Object, frozen=True, kw_only=True):
    """Of a canary Rollout. The background run is named as long as there are canary pods to judge."""

    weights: CanaryWeights | None = None
    current_background_analysis_run_status: RunOfRollout | None = None


class RolloutStatus(_Object, frozen=True, kw_only=True):
    """`stable_rs` and `current_pod_hash` are pod template hashes. `abort` is set while an aborted update is in
    the spec.
    """

    phase: str = ""
    message: str = ""
    abort: bool = False
    stable_rs: str = msgspec.field(name="stableRS", default="")
    current_pod_hash: str = ""
    observed_generation: str = ""
    ready_replicas: int = 0
    pause_conditions: tuple[PauseCondition, ...] = ()
    canary: CanaryStatus = CanaryStatus()


class Rollout(_Object, frozen=True, kw_only=True):
    """An Argo Rollout."""

    metadata: Meta
    spec: RolloutSpec
    status: RolloutStatus = RolloutStatus()


class Measurement(_Object, frozen=True, kw_only=True):
    """One look of an analysis. `value` is what the provider answered, as text."""

    phase: str = ""
    value: str = ""
    message: str = ""


class MetricResult(_Object, frozen=True, kw_only=True):
    """One metric of an AnalysisRun. `phase`: Successful, Failed, Inconclusive, Error, Running, Pending."""

    name: str
    phase: str = ""
    message: str = ""
    measurements: tuple[Measurement, ...] = ()


class AnalysisStatus(_Object, frozen=True, kw_only=True):
    """The verdict of an AnalysisRun."""

    phase: str = ""
    message: str = ""
    metric_results: tuple[MetricResult, ...] = ()


class AnalysisRun(_Object, frozen=True, kw_only=True):
    """An AnalysisRun; the label `rollouts-pod-template-hash` says which revision it judges."""

    metadata: Meta
    status: AnalysisStatus = AnalysisStatus()


class PodCondition(_Object, frozen=True, kw_only=True):
    """A condition of a pod; `Ready` says whether it is sent traffic."""

    type: str
    status: str


class PodStatus(_Object, frozen=True, kw_only=True):
    """Where a pod is reached, and how it is."""

    pod_ip: str = msgspec.field(name="podIP", default="")
    conditions: tuple[PodCondition, ...] = ()


class Pod(_Object, frozen=True, kw_only=True):
    """A search pod."""

    metadata: Meta
    status: PodStatus = PodStatus()

    @property
    def is_ready(self) -> bool:
        """Whether it has an address and may be asked."""
        ready = any(each.type == "Ready" and each.status == "True" for each in self.status.conditions)
        return ready and bool(self.status.pod_ip) and self.metadata.deletion_timestamp is None


class PodTemplate(_Object, frozen=True, kw_only=True):
    """The pattern of the pods that the controller makes (`turnout-worker` in manifests/)."""

    metadata: Meta
    template: dict[str, Any] = {}


class LeaseSpec(_Object, frozen=True, kw_only=True):
    """Who leads. `renew_time` is RFC 3339 with microseconds, by the holder's clock."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    lease_transitions: int | None = None


class Lease(_Object, frozen=True, kw_only=True):
    """What replicas agree by on who of them leads."""

    metadata: Meta
    spec: LeaseSpec = LeaseSpec()
