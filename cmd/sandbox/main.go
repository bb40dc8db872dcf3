// Command sandbox serves an emulated HubSpot portal and an emulated Thnks
// account on loopback, for trying out a configuration, for measuring, and for
// tests that need the vendors in another process:
//
//	go run ./cmd/sandbox --transactions 10000 --config-dir /tmp/sandbox &
//	go run ./cmd/thnks-hubspot-sync sync --backfill --config /tmp/sandbox/config.yaml
//
// When it is ready it prints one line of JSON with the addresses and the
// credentials, and on standard error what to type next. A new sandbox in a folder
// removes the state of the one before. The control address answers GET /counts with
// how far the portal and the source agree. It runs until SIGINT or SIGTERM.
//
// Data as most portals have it, five gifts a person, is
//
//	go run ./cmd/sandbox --transactions 10000 --matched 0.72 --open-deals 0.2 --further-contacts 2000
//
// The portals may send coffee. POST /sends?answer=lost has Thnks send gifts and lose its
// answers; with slow these take 20 s, with refused nothing is sent, and with well all
// is well again:
//
//	curl -X POST "$CONTROL/sends?answer=lost"
//	go run ./cmd/thnks-hubspot-sync send --gift 5659 --to bea@acme.example --message Hi --config /tmp/sandbox/config.yaml
//
// With --portals there are that many, each with a Thnks account of its own, and
// each of the three addresses has one below /1, /2 and so on.
//
// With --tick gifts are sent and opened while it runs. With --webhook Thnks
// posts a signed event for each change; POST /events?id=T-000001&status=opened
// to the control address makes one. The configuration it writes then has the
// portal sandbox with the same secret:
//
//	(printf whsec_; openssl rand -base64 32) >/tmp/secret
//	go run ./cmd/sandbox --config-dir /tmp/sandbox --tick 5s --webhook-secret-file /tmp/secret \
//		--webhook http://127.0.0.1:8080/webhooks/sandbox/gift-events &
//	go run ./cmd/thnks-hubspot-sync run --config /tmp/sandbox/config.yaml
//
// With --hubspot-webhook HubSpot posts what its users do to contacts and deals. The
// configuration then has an OAuth app that signs it, and the portal is to be connected
// once. POST /contacts to the control address makes a contact of a gift's recipient
// whom HubSpot does not know yet, or with ?email= of anyone:
//
//	go run ./cmd/sandbox --config-dir /tmp/sandbox --control 127.0.0.1:8099 \
//		--hubspot-webhook http://127.0.0.1:8080/hubspot/webhooks &
//	go run ./cmd/thnks-hubspot-sync connect --config /tmp/sandbox/config.yaml
//	go run ./cmd/thnks-hubspot-sync run --config /tmp/sandbox/config.yaml &
//	curl -X POST http://127.0.0.1:8099/contacts
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	size                         size
	portals                      int
	hubspot, thnks, control, dir string
	hook                         hook
	tells                        hubspotHook
	tick                         time.Duration
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.size.transactions, "transactions", 3000, "how many transactions Thnks holds")
	f.IntVar(&o.size.recipients, "recipients", 0, "to how many addresses they went; 0 for a fifth of the transactions")
	f.Float64Var(&o.size.matched, "matched", 0.8, "share of the addresses that HubSpot has as contacts, 0 to 1")
	f.IntVar(&o.size.deals, "deals", 1, "deals of each contact")
	f.Float64Var(&o.size.open, "open-deals", 1, "share of the deals that are open, 0 to 1")
	f.IntVar(&o.size.further, "further-contacts", 0, "so many contacts more, to whom nothing was sent, each with a second address")
	f.Uint64Var(&o.size.seed, "seed", 1, "the same seed makes the same sandbox")
	f.BoolVar(&o.size.ugly, "ugly", false, "with the texts, addresses and gaps that make real data awkward")
	f.BoolVar(&o.size.limits, "limits", false, "enforce the rate limits of an account with an Enterprise subscription")
	f.IntVar(&o.portals, "portals", 1, "so many portals of that size; none with --tick or a webhook if there are several")
	f.StringVar(&o.hubspot, "hubspot", "127.0.0.1:0", "loopback `address` of HubSpot; port 0 for a free one")
	f.StringVar(&o.thnks, "thnks", "127.0.0.1:0", "loopback `address` of Thnks")
	f.StringVar(&o.control, "control", "127.0.0.1:0", "loopback `address` of GET /counts, POST /events and POST /contacts")
	f.StringVar(&o.dir, "config-dir", "", "write config.yaml and the credentials into `DIR`")
	f.DurationVar(&o.tick, "tick", 0, "send new gifts, and change the status of others, this often; 0 for never")
	f.StringVar(&o.hook.url, "webhook", "", "post an event for each change of a status to `URL`")
	f.StringVar(&o.hook.secretFile, "webhook-secret-file", "", "sign events with the secret in `FILE`, as Standard Webhooks says")
	f.StringVar(&o.tells.url, "hubspot-webhook", "", "have HubSpot post what happens to contacts and deals to `URL`")
	f.BoolVar(&o.hook.unreliable, "webhook-unreliable", false, "double and hold back a tenth of the events each; of those of Thnks drop a tenth, too, and delay all by up to 10 s")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.size.transactions < 0, o.size.recipients < 0, o.size.deals < 0, o.size.further < 0:
		return o, errors.New("--transactions, --recipients, --deals and --further-contacts: 0 or more")
	case !isShare(o.size.matched), !isShare(o.size.open):
		return o, errors.New("--matched and --open-deals: a share between 0 and 1")
	case o.portals < 1:
		return o, errors.New("--portals: 1 or more")
	case o.portals > 1 && (o.tick != 0 || o.hook.url != "" || o.tells.url != ""):
		return o, errors.New("--portals: the world of several does not turn: leave --tick, --webhook and --hubspot-webhook out")
	case o.tick < 0:
		return o, errors.New("--tick: 0 or more")
	}
	return o, errors.Join(o.hook.check(o.tells.url != ""), o.tells.check())
}

func isShare(x float64) bool { return x >= 0 && x <= 1 }

// Ready is the line that is printed when all three addresses answer.
type Ready struct {
	HubSpot string `json:"hubspot"` // base URLs
	Thnks   string `json:"thnks"`
	Control string `json:"control"`
	Token   string `json:"token"`
	Key     string `json:"key"`
	Config  string `json:"config,omitempty"` // the configuration file that was written
}

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	var hook thnksapitest.Webhook
	var secret []byte
	if o.hook.url != "" {
		if hook, secret, err = o.hook.webhook(o.size.seed); err != nil {
			return err
		}
	}
	worlds := make([]*world, o.portals)
	for i := range worlds {
		worlds[i] = build(o.size, i, time.Now().UTC())
	}
	w := worlds[0]
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	if o.hook.url != "" {
		w.sender = w.thnks.Subscribe(ctx, hook)
		running.Go(func() { <-w.sender.Done() })
	}
	if o.tells.url != "" {
		o.tells.subscribe(ctx, w.portal, o.size.seed, o.hook.unreliable)
	}
	if o.tick > 0 {
		running.Go(func() { w.turn(ctx, o.tick, o.size.seed) })
	}
	ready := Ready{Token: token, Key: key}
	failed := make(chan error, 3)
	for _, s := range []struct {
		address string
		handler http.Handler
		url     *string
	}{
		{o.hubspot, each(worlds, func(w *world) http.Handler { return w.portal }), &ready.HubSpot},
		{o.thnks, each(worlds, func(w *world) http.Handler { return w.thnks }), &ready.Thnks},
		{o.control, each(worlds, (*world).control), &ready.Control},
	} {
		l, err := listen(s.address)
		if err != nil {
			return err
		}
		*s.url = "http://" + l.Addr().String()
		srv := &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second}
		defer srv.Close()
		go func() { failed <- srv.Serve(l) }()
	}
	if o.dir != "" {
		if ready.Config, err = writeConfig(o.dir, ready, o.portals, secret, o.tells); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(stdout).Encode(ready); err != nil {
		return err
	}
	fmt.Fprintln(stderr, next(ready, o))
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// next is what to type when the sandbox is ready.
func next(r Ready, o options) string {
	const ends = "Ctrl-C ends the sandbox."
	config := " --config " + quoted(r.Config)
	switch {
	case r.Config == "":
		return "With --config-dir DIR a configuration for it is written into DIR. " + ends
	case o.tells.url != "":
		return "Next, in another terminal: thnks-hubspot-sync connect" + config + "\nThen: thnks-hubspot-sync run" + config +
			"\nWhile it runs, a contact of a gift's recipient: curl -X POST " + r.Control + "/contacts\n" + ends
	case o.hook.url != "":
		return "Next, in another terminal: thnks-hubspot-sync run" + config + "\n" + ends
	}
	return "Next, in another terminal: thnks-hubspot-sync sync --backfill" + config + "\n" + ends
}

// quoted writes a path as a shell reads it.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// each serves the worlds' handlers, each below its path.
func each(worlds []*world, handler func(*world) http.Handler) http.Handler {
	if len(worlds) == 1 {
		return handler(worlds[0])
	}
	mux := http.NewServeMux()
	for i, w := range worlds {
		path := under(i, len(worlds))
		mux.Handle(path+"/", http.StripPrefix(path, handler(w)))
	}
	return mux
}

// listen listens on a loopback address: the sandbox answers to anyone.
func listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%s: use a loopback address such as 127.0.0.1:0", address)
	}
	return net.Listen("tcp", address)
}
