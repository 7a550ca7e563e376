// One binary for the parts of Argo CD that the end-to-end stories need: application controller,
// ApplicationSet controller, repo server and the git askpass helper. The API server, the web page and the
// command line are left out, they would double the build. Which part runs is the name it is started under.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	appcontroller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	appset "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
	gitaskpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/util/log"
)

func main() {
	klog.SetLogger(log.NewLogrusLogger(log.NewWithCurrentConfig()))
	parts := map[string]func() *cobra.Command{
		common.CommandApplicationController:    appcontroller.NewCommand,
		common.CommandApplicationSetController: appset.NewCommand,
		common.CommandRepoServer:               reposerver.NewCommand,
		common.CommandGitAskPass:               gitaskpass.NewCommand,
	}
	part, known := parts[filepath.Base(os.Args[0])]
	if !known {
		fmt.Fprintln(os.Stderr, "start this program under the name of one of Argo CD's parts, for example argocd-repo-server")
		os.Exit(2)
	}
	if err := part().Execute(); err != nil {
		os.Exit(1)
	}
}
