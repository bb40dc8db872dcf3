package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// The sandbox's OAuth app. Its secret opens nothing else.
const (
	appID        = 54321
	clientID     = "5a4d0b0c-0000-4000-8000-000000000000"
	clientSecret = "sandbox-client-secret"
)

// hubspotPath ends the address of HubSpot's webhooks.
const hubspotPath = "/hubspot/webhooks"

// A hubspotHook is where HubSpot posts its events, signed by the sandbox's app.
type hubspotHook struct{ url string }

// check says what is wrong with the option.
func (h hubspotHook) check() error {
	if h.url != "" && (!isAddress(h.url) || !strings.HasSuffix(h.url, hubspotPath)) {
		return errors.New("--hubspot-webhook: not the address of HubSpot's webhooks: write http://127.0.0.1:8080" + hubspotPath)
	}
	return nil
}

// public is how HubSpot calls the root of the endpoint.
func (h hubspotHook) public() string { return strings.TrimSuffix(h.url, hubspotPath) }

// subscribe has the portal know the app and post events until the context ends.
func (h hubspotHook) subscribe(ctx context.Context, p *hubspottest.Portal, seed uint64, unreliable bool) {
	p.RegisterApp(hubspottest.App{ClientID: clientID, ClientSecret: clientSecret, RedirectURI: h.public() + "/oauth/callback"})
	w := hubspottest.Webhook{URL: h.url, AppID: appID, Secret: clientSecret, Seed: seed}
	if unreliable {
		w.Duplicates, w.Reorder = 0.1, 0.1
	}
	p.Subscribe(ctx, w)
}

// config returns the lines of a configuration that describe the app, and the files
// that they name. The public side listens where HubSpot calls it, if that is an
// address of this machine.
func (h hubspotHook) config(dir, hubspot string) (lines string, files []file) {
	if u, err := url.Parse(h.url); err == nil && net.ParseIP(u.Hostname()).IsLoopback() && u.Port() != "" {
		lines = fmt.Sprintf("listen: %s\n", u.Host)
	}
	lines += fmt.Sprintf(`public_url: %q
master_key_file: master-key
hubspot_apps: [{name: sandbox, app_id: %d, client_id: %s, client_secret_file: client-secret, authorize_url: %q}]
`, h.public(), appID, clientID, hubspot+"/oauth/authorize")
	return lines, []file{
		{filepath.Join(dir, "client-secret"), clientSecret},
		{filepath.Join(dir, "master-key"), base64.StdEncoding.EncodeToString(make([]byte, 32))}, // of a sandbox
	}
}
