// Follows the Workload API with go-spiffe and prints what it gets, one JSON object a line.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type line struct {
	Kind   string   `json:"kind"`
	ID     string   `json:"id,omitempty"`
	Serial string   `json:"serial,omitempty"`
	Roots  int      `json:"roots,omitempty"`
	Chain  int      `json:"chain,omitempty"`
	Aud    []string `json:"aud,omitempty"`
	Error  string   `json:"error,omitempty"`
}

func say(l line) {
	text, _ := json.Marshal(l)
	fmt.Println(string(text))
}

type watcher struct{}

func (watcher) OnX509ContextUpdate(c *workloadapi.X509Context) {
	svid := c.DefaultSVID()
	bundle, _ := c.Bundles.GetX509BundleForTrustDomain(svid.ID.TrustDomain())
	say(line{Kind: "x509", ID: svid.ID.String(), Serial: fmt.Sprintf("%x", svid.Certificates[0].SerialNumber),
		Roots: len(bundle.X509Authorities()), Chain: len(svid.Certificates)})
}

func (watcher) OnX509ContextWatchError(err error) {
	say(line{Kind: "watch-error", Error: err.Error()})
}

func tokens(ctx context.Context, client *workloadapi.Client) {
	for ctx.Err() == nil {
		svid, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "payments"})
		if err != nil {
			say(line{Kind: "jwt-error", Error: err.Error()})
		} else if bundles, err := client.FetchJWTBundles(ctx); err != nil {
			say(line{Kind: "jwt-error", Error: err.Error()})
		} else if _, err := jwtsvid.ParseAndValidate(svid.Marshal(), bundles, []string{"payments"}); err != nil {
			say(line{Kind: "jwt-error", Error: err.Error()})
		} else if _, err := client.ValidateJWTSVID(ctx, svid.Marshal(), "payments"); err != nil {
			say(line{Kind: "jwt-error", Error: err.Error()})
		} else {
			say(line{Kind: "jwt", ID: svid.ID.String(), Aud: svid.Audience})
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	client, err := workloadapi.New(ctx)
	if err != nil {
		say(line{Kind: "error", Error: err.Error()})
		os.Exit(1)
	}
	defer client.Close()
	go tokens(ctx, client)
	if err := client.WatchX509Context(ctx, watcher{}); err != nil && ctx.Err() == nil {
		say(line{Kind: "ended", Error: err.Error()})
		os.Exit(1)
	}
}
