package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot/hubspottest"
)

// The sandbox's OAuth app.
const (
	sandboxApp          = "sandbox"
	sandboxClient       = "5a4d0b0c-0000-4000-8000-000000000000"
	sandboxClientSecret = "sandbox-client-secret"
)

// useOAuth has the sandbox's portal connect through an app instead of a static
// token. HubSpot's page is the sandbox's, and the browser comes back to a free
// address of this machine.
func (b *sandbox) useOAuth(cfg *configs.Config) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg.Listen = l.Addr().String()
	if err := l.Close(); err != nil { // it is listened on again by what waits for the browser
		return err
	}
	cfg.PublicURL = "http://" + cfg.Listen
	cfg.MasterKeyFile = filepath.Join(b.dir, "master-key")
	secret := filepath.Join(b.dir, "client-secret")
	cfg.HubSpotApps = []configs.App{{
		Name: sandboxApp, AppID: 1, ClientID: sandboxClient, ClientSecretFile: secret,
		AuthorizeURL: b.hubspotURL + "/oauth/authorize", PKCE: true,
	}}
	h := &cfg.Portals[0].HubSpot
	h.App, h.AccountID, h.TokenFile = sandboxApp, b.portal.ID(), ""
	b.portal.RegisterApp(hubspottest.App{ClientID: sandboxClient, ClientSecret: sandboxClientSecret, RedirectURI: cfg.RedirectURL()})
	for file, text := range map[string]string{
		secret:            sandboxClientSecret,
		cfg.MasterKeyFile: base64.StdEncoding.EncodeToString(make([]byte, 32)), // of a sandbox, and gone with it
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return fmt.Errorf("writing the sandbox's secrets: %w", err)
		}
	}
	return cfg.Validate()
}

// demoConnect waits until the portal was connected in a browser.
func (b *sandbox) demoConnect(ctx context.Context, s *session, w io.Writer) error {
	fmt.Fprint(w, "First an admin of the HubSpot account gives access to it. HubSpot's page is the sandbox's own here.\n\n")
	c, err := connectHere(ctx, s, s.portals[0], w)
	if err != nil {
		return err
	}
	printConnection(w, c)
	fmt.Fprintln(w)
	return nil
}
