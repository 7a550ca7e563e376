// Runs the notification engine of Argo Rollouts and Argo CD on objects that a test brings: triggers, templates and
// services are the engine's own. A test of the messages calls it; no cluster is needed.
//
// The two controllers differ in what a trigger and a template may name. Rollouts: rollout, analysisRuns. Argo CD: app
// and repo.GetCommitMetadata. Here these come with each run, commits as their messages by id.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/notifications-engine/pkg/api"
	"github.com/argoproj/notifications-engine/pkg/services"
	"github.com/argoproj/notifications-engine/pkg/subscriptions"
	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
)

type input struct {
	Config map[string]string `json:"config"` // data of the ConfigMap
	Secret map[string]string `json:"secret"` // data of the Secret, decoded
	Runs   []run             `json:"runs"`
}

type run struct {
	Trigger string            `json:"trigger"`
	Kind    string            `json:"kind"` // of Vars, the object: rollout or app
	Vars    map[string]any    `json:"vars"`
	Commits map[string]string `json:"commits"`
}

type result struct {
	Fired   []string `json:"fired"`   // templates of the conditions that are true
	OncePer []string `json:"oncePer"` // of the same conditions
	To      []string `json:"to"`      // services that it was sent to
	Errors  []string `json:"errors"`
}

type commit struct{ Message, Author string }

func main() {
	logrus.SetLevel(logrus.ErrorLevel)
	var given input
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		fail(err)
	}
	var current run
	engine, err := newEngine(given, &current)
	if err != nil {
		fail(err)
	}
	results := make([]result, 0, len(given.Runs))
	for _, current = range given.Runs {
		results = append(results, perform(engine, current))
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		fail(err)
	}
}

func newEngine(given input, current *run) (api.API, error) {
	secret := &corev1.Secret{Data: map[string][]byte{}}
	for key, value := range given.Secret {
		secret.Data[key] = []byte(value)
	}
	config, err := api.ParseConfig(&corev1.ConfigMap{Data: given.Config}, secret)
	if err != nil {
		return nil, err
	}
	return api.NewAPI(*config, func(map[string]any, services.Destination) map[string]any { return vars(*current) })
}

func vars(of run) map[string]any {
	all := map[string]any{"repo": map[string]any{"GetCommitMetadata": func(id string) any {
		message, known := of.Commits[id]
		if !known {
			panic(fmt.Errorf("no commit %s", id))
		}
		return commit{Message: message, Author: "somebody"}
	}}}
	for name, value := range of.Vars {
		all[name] = value
	}
	return all
}

// As the controllers do it: recipients of the ConfigMap and of the object's annotations, then each true condition.
func perform(engine api.API, wanted run) result {
	object, _ := wanted.Vars[wanted.Kind].(map[string]any)
	metadata, _ := object["metadata"].(map[string]any)
	config := engine.GetConfig()
	recipients := config.GetGlobalDestinations(texts(metadata["labels"]))
	recipients.Merge(subscriptions.NewAnnotations(texts(metadata["annotations"])).GetDestinations(
		config.DefaultTriggers, config.ServiceDefaultTriggers))
	conditions, err := engine.RunTrigger(wanted.Trigger, object)
	if err != nil {
		return result{Errors: []string{err.Error()}}
	}
	var found result
	for i, condition := range conditions {
		// Argo Rollouts tells a trigger without a condition at the event of its name.
		if !condition.Triggered && config.Triggers[wanted.Trigger][i].When != "" {
			continue
		}
		found.Fired = append(found.Fired, condition.Templates...)
		found.OncePer = append(found.OncePer, condition.OncePer)
		for _, recipient := range recipients[wanted.Trigger] {
			found.To = append(found.To, recipient.Service)
			if err := engine.Send(object, condition.Templates, recipient); err != nil {
				found.Errors = append(found.Errors, err.Error())
			}
		}
	}
	return found
}

func texts(value any) map[string]string {
	given, _ := value.(map[string]any)
	found := map[string]string{}
	for key, each := range given {
		found[key], _ = each.(string)
	}
	return found
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
