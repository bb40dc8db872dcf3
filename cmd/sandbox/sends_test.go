package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestSends: Thnks loses the answer after the gift was sent, is slow, or refuses, as it
// is told to, and goes on well afterwards.
func TestSends(t *testing.T) {
	r := start(t, "--transactions", "3", "--config-dir", t.TempDir())
	sent := func() int {
		t.Helper()
		_, body := ask(t, r.Control+"/counts", "")
		var c Counts
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			t.Fatal(err)
		}
		return c.Sent
	}
	for i, c := range []struct {
		answer string
		status int // 0: none
		sent   int
	}{
		{"lost", 0, 1},
		{"refused", http.StatusUnprocessableEntity, 1},
		{"well", http.StatusOK, 2},
	} {
		if status := post(t, r.Control+"/sends?answer="+c.answer); status != http.StatusNoContent {
			t.Fatalf("POST /sends?answer=%s answers %d", c.answer, status)
		}
		if got := askForGift(t.Context(), r); got != c.status || sent() != c.sent {
			t.Errorf("%d, %s: status %d with %d gifts", i, c.answer, got, sent())
		}
	}
	post(t, r.Control+"/sends?answer=slow")
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if got := askForGift(short, r); got != 0 || sent() != 3 {
		t.Errorf("slow: status %d with %d gifts", got, sent())
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

// askForGift asks Thnks for a gift, and returns the status of the answer, 0 where there
// is none.
func askForGift(ctx context.Context, r Ready) int {
	const body = `{"gift_id": 5659, "recipients": [{"email": "bea@acme.example", "message": "Hi", "gift_redeem_type": "email"}]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Thnks+"/api/v1/gift_requests", strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", r.Key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
