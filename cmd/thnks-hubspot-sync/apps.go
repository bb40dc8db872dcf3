package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
)

// A hubspotApp is one of the configuration's OAuth apps with its secret.
type hubspotApp struct {
	configs.App
	secret configs.Secret
}

// app reads the secret of an app, anew each time, so that a replaced one is seen
// without a restart.
func (g *grants) app(name string) (hubspotApp, error) {
	app, ok := g.cfg.App(name)
	if !ok { // the configuration was checked
		return hubspotApp{}, usagef("hubspot_apps: there is no app %q", name)
	}
	secret, err := g.cfg.ReadSecret(app.ClientSecretFile)
	if err != nil {
		return hubspotApp{}, usagef("hubspot_apps: %s: client_secret_file: %w", name, err)
	}
	return hubspotApp{app, secret}, nil
}

// verifier returns what checks HubSpot's requests for an app: the same one each time.
func (g *grants) verifier(name string) *verifier {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.verifiers == nil {
		g.verifiers = make(map[string]*verifier)
	}
	if g.verifiers[name] == nil {
		g.verifiers[name] = &verifier{read: func() (hubspotApp, error) { return g.app(name) }}
	}
	return g.verifiers[name]
}

// A verifier checks HubSpot's requests with the client secret of an app. It reads the
// secret anew for each, as renewals of tokens do: HubSpot signs with a new one from one
// moment to the next, and what is refused for a day is lost. While the file cannot be
// read, as in the moment of its replacement, the last secret that was read counts.
type verifier struct {
	read func() (hubspotApp, error)

	mu   sync.Mutex
	last configs.Secret // zero before one was read
}

// secret returns the secret that counts, the zero one where none was read yet, and why
// it cannot be read now.
func (v *verifier) secret() (configs.Secret, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	app, err := v.read()
	if err == nil {
		v.last = app.secret
	}
	return v.last, err
}

// verify checks a request; see [hubspot.SignedRequest.Verify]. One that may be signed with
// a secret which cannot be read is not called forged: the error is then
// [hubspot.ErrNoSecret].
func (v *verifier) verify(r hubspot.SignedRequest, now time.Time) error {
	secret, unread := v.secret()
	err := hubspot.ErrForged // by no secret, so that an empty one signs nothing
	if secret.Reveal() != "" {
		err = r.Verify(secret.Reveal(), now)
	}
	if unread != nil && errors.Is(err, hubspot.ErrForged) {
		return fmt.Errorf("%w: %w", hubspot.ErrNoSecret, unread)
	}
	return err
}

// problem says why the app's requests may not be served, "" where they are.
func (v *verifier) problem() string {
	switch last, err := v.secret(); {
	case err == nil:
		return ""
	case last.Reveal() != "":
		return fmt.Sprintf("HubSpot's webhooks, pages and workflows are checked with the client secret that was read last, and answered 503 where another has signed them: %v", err)
	default:
		return fmt.Sprintf("HubSpot's webhooks, pages and workflows are answered 503: %v", err)
	}
}
