package main

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// TestNothingLeaksOverHTTP asks a connected daemon, which has copied gifts, for all that it
// serves without a secret, in good requests and bad ones. No answer, header or line of
// its log has a token, a code, a state, the app's secret, a key or a person's address.
func TestNothingLeaksOverHTTP(t *testing.T) {
	i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: primary}")
	admin := freeAddress()
	text, err := os.ReadFile(i.config)
	if err != nil {
		t.Fatal(err)
	}
	i.write("config.yaml", strings.Replace(string(text), "127.0.0.1:0", admin, 1))
	d := i.start("run")
	await(t, "the daemon answers", func() bool {
		res, err := http.Get("http://" + admin + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
	c := i.start("connect")
	page := i.browse(c, "connect")
	if got := <-c.ended; got != done {
		t.Fatalf("connect ends with %d: %s", got, c.err.String())
	}
	await(t, "the backfill is done", func() bool { return i.gifts() == 40 })

	secrets := append(i.portal.Tokens(), oauthSecret, worldKey, "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA")
	var people []string
	for gift := range i.portal.Records("thnks") {
		for _, name := range []string{"recipient_email", "recipient_name", "recipient_phone", "message"} {
			if v := gift.Properties[name]; len(v) > 5 {
				people = append(people, v)
			}
		}
	}
	if len(secrets) < 5 || len(people) < 40 {
		t.Fatalf("%d secrets and %d values of people: the test sees less than it should", len(secrets), len(people))
	}
	clean := func(what, said string, canaries ...string) {
		t.Helper()
		for _, canary := range canaries {
			if strings.Contains(said, canary) {
				t.Errorf("%s has %q", what, canary)
			}
		}
	}
	clean("the page after the consent", page, slices.Concat(secrets, people)...)
	const canary = "CodeCanary4711"
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, r := range []struct{ method, address string }{
		{"GET", "http://" + admin + "/"},
		{"GET", "http://" + admin + "/stats.json"},
		{"GET", "http://" + admin + "/metrics"},
		{"GET", "http://" + admin + "/healthz"},
		{"GET", "http://" + admin + "/readyz"},
		{"POST", "http://" + admin + "/stats.json"},
		{"GET", i.public + "/"},
		{"GET", i.public + "/oauth/install?ticket=" + canary},
		{"GET", i.public + "/oauth/callback?code=" + canary + "&state=" + canary},
		{"GET", i.public + "/oauth/callback?error=" + canary + "&error_description=" + canary},
		{"POST", i.public + "/oauth/callback?code=" + canary},
		{"POST", i.public + "/webhooks/acme/gift-events"},
		{"POST", i.public + "/hubspot/webhooks"},
	} {
		req, err := http.NewRequest(r.method, r.address, strings.NewReader(canary))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s %s: %v", r.method, r.address, err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		said := string(body)
		for name, values := range res.Header {
			said += "\n" + name + ": " + strings.Join(values, ", ")
		}
		clean(r.method+" "+r.address, said, append(slices.Concat(secrets, people), canary)...)
	}
	d.stop()
	<-d.ended
	clean("the log", d.err.String()+c.err.String(), append(slices.Concat(secrets, people), canary)...)
}
