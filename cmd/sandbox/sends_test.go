package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi"
)

// TestSends: Thnks loses the answer after the gift was sent, is slow, or refuses, as it
// is told to, and goes on well afterwards.
func TestSends(t *testing.T) {
	r := start(t, "--transactions", "3", "--config-dir", t.TempDir())
	api, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: r.Thnks, Key: r.Key})
	if err != nil {
		t.Fatal(err)
	}
	sent := func() int {
		t.Helper()
		_, body := ask(t, r.Control+"/counts", "")
		var c Counts
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			t.Fatal(err)
		}
		return c.Sent
	}
	gift := thnksapi.GiftRequest{GiftID: 5659, Recipient: thnksapi.Recipient{Email: "bea@acme.example"}, Message: "Hi"}
	for i, c := range []struct {
		answer  string
		outcome thnksapi.SendOutcome
		sent    int
	}{
		{"lost", thnksapi.SendUnknown, 1},
		{"refused", thnksapi.SendNot, 1},
		{"well", thnksapi.SendDone, 2},
	} {
		if status := post(t, r.Control+"/sends?answer="+c.answer); status != http.StatusNoContent {
			t.Fatalf("POST /sends?answer=%s answers %d", c.answer, status)
		}
		if got := api.Send(t.Context(), gift); got.Outcome != c.outcome || sent() != c.sent {
			t.Errorf("%d, %s: %+v with %d gifts", i, c.answer, got, sent())
		}
	}
	post(t, r.Control+"/sends?answer=slow")
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if got := api.Send(short, gift); got.Outcome != thnksapi.SendUnknown || sent() != 3 {
		t.Errorf("slow: %+v with %d gifts", got, sent())
	}
	for _, query := range []string{"", "?answer=never"} {
		if status := post(t, r.Control+"/sends"+query); status != http.StatusBadRequest {
			t.Errorf("POST /sends%s answers %d", query, status)
		}
	}
	if config, err := os.ReadFile(r.Config); err != nil || !strings.Contains(string(config), sendingRules) {
		t.Errorf("the configuration has no rules for sending: %v\n%s", err, config)
	}
}
