package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A hook is where Thnks posts its events, signed by Standard Webhooks.
type hook struct {
	url, secretFile string
	unreliable      bool
}

// check says what is wrong with the options. others says whether there are webhooks
// beside these.
func (h hook) check(others bool) error {
	if h.url == "" {
		if h.secretFile != "" || h.unreliable && !others {
			return errors.New("--webhook-secret-file and --webhook-unreliable: name the endpoint with --webhook")
		}
		return nil
	}
	switch {
	case !isAddress(h.url):
		return errors.New("--webhook: not an address: write http://127.0.0.1:8080/webhooks/sandbox/gift-events")
	case h.secretFile == "":
		return errors.New("--webhook-secret-file: name the file that holds the endpoint's secret, whsec_ and 24 to 64 bytes in base64")
	}
	return nil
}

// isAddress reports whether a text is the address of an endpoint.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// webhook reads the secret and returns what to subscribe.
func (h hook) webhook(seed uint64) (w thnksapitest.Webhook, text []byte, err error) {
	if text, err = os.ReadFile(h.secretFile); err != nil {
		return w, nil, err
	}
	secret, err := thnksapitest.ParseSecret(string(text))
	if err != nil {
		return w, nil, fmt.Errorf("%s: %w", h.secretFile, err)
	}
	w = thnksapitest.Webhook{URL: h.url, Scheme: thnksapitest.Standard{Secrets: [][]byte{secret}}, Seed: seed}
	if h.unreliable {
		w.Drops, w.Duplicates, w.Reorder, w.MaxDelay = 0.1, 0.1, 0.1, 10*time.Second
	}
	return w, text, nil
}
