// Federates with go-spiffe: fetches a bundle as its client, or serves one as its server. Prints JSON.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

type fetched struct {
	Sequence uint64   `json:"sequence"`
	HintMs   int64    `json:"hintMs"`
	Roots    int      `json:"roots"`
	Kids     []string `json:"kids"`
}

// fetch URL ENDPOINT-ID SEED-FILE
func fetch(url, endpointID, seedFile string) {
	id := spiffeid.RequireFromString(endpointID)
	seed := must(spiffebundle.Load(id.TrustDomain(), seedFile))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	bundle := must(federation.FetchBundle(ctx, id.TrustDomain(), url, federation.WithSPIFFEAuth(seed, id)))
	sequence, _ := bundle.SequenceNumber()
	hint, _ := bundle.RefreshHint()
	out := fetched{Sequence: sequence, HintMs: hint.Milliseconds(), Roots: len(bundle.X509Authorities())}
	for kid := range bundle.JWTAuthorities() {
		out.Kids = append(out.Kids, kid)
	}
	fmt.Println(string(must(json.Marshal(out))))
}

// serve TRUST-DOMAIN BUNDLE-FILE CERT-FILE KEY-FILE
func serve(trustDomain, bundleFile, certFile, keyFile string) {
	td := spiffeid.RequireTrustDomainFromString(trustDomain)
	handler := must(federation.NewHandler(td, must(spiffebundle.Load(td, bundleFile))))
	pair := must(tls.LoadX509KeyPair(certFile, keyFile))
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	fmt.Fprintln(os.Stderr, http.Serve(tls.NewListener(listener, config), handler))
}

func main() {
	args := os.Args[1:]
	switch {
	case len(args) == 4 && args[0] == "fetch":
		fetch(args[1], args[2], args[3])
	case len(args) == 5 && args[0] == "serve":
		serve(args[1], args[2], args[3], args[4])
	default:
		fmt.Fprintln(os.Stderr, "fetch URL ENDPOINT-ID SEED-FILE | serve TRUST-DOMAIN BUNDLE-FILE CERT-FILE KEY-FILE")
		os.Exit(1)
	}
}
