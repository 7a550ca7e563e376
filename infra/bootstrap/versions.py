"""What is installed, exactly. Changed by a pull request; the e2e runs Argo CD and Argo Rollouts at these versions."""

ARGO_CD = "v3.5.7"
ARGO_ROLLOUTS = "v1.10.1"
ECK = "v3.5.0"
ELASTICSEARCH = "9.4.3"
KUBE_PROMETHEUS_STACK = "81.6.2"
POD_SECURITY = "v1.34"  # the same as manifests/base/namespace.yaml
