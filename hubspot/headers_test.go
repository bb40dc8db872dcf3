package hubspot

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseAllowance(t *testing.T) {
	for _, tt := range []struct {
		max, remaining, interval string
		want                     allowance
	}{
		{"", "", "", allowance{}},
		{"110", "109", "10000", allowance{max: 110, used: 1, interval: 10 * time.Second}},
		{"110", "0", "", allowance{max: 110, used: 110}},
		{"110", "", "10000", allowance{max: 110, interval: 10 * time.Second}},
		{"110", "111", "", allowance{max: 110}},
		{"110", "-1", "", allowance{max: 110}},
		{"110", "many", "1", allowance{max: 110}},
		{"110", "100", "86400000", allowance{max: 110, used: 10}},
		{"0", "0", "10000", allowance{}},
		{"-5", "0", "10000", allowance{}},
		{"99999999999999999999", "0", "10000", allowance{}},
		{"a lot", "109", "10000", allowance{}},
	} {
		h := http.Header{}
		// The names as they stand on the wire.
		h.Set("x-hubspot-ratelimit-max", tt.max)
		h.Set("x-hubspot-ratelimit-remaining", tt.remaining)
		h.Set("x-hubspot-ratelimit-interval-milliseconds", tt.interval)
		h.Set("x-hubspot-ratelimit-secondly", "11")
		h.Set("x-hubspot-ratelimit-secondly-remaining", "3")
		if got := parseAllowance(h); got != tt.want {
			t.Errorf("%+v: got %+v", tt, got)
		}
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	got, want := map[string]time.Duration{}, map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-7": 0, "1.5": 0, "soon": 0, "7s": 0,
		"86400": 24 * time.Hour, "86401": 24 * time.Hour, "315360000": 24 * time.Hour,
		"99999999999999999999999": 24 * time.Hour, "-99999999999999999999999": 0,
		"Sat, 21 Nov 2026 12:00:30 GMT":    30 * time.Second,
		"Saturday, 21-Nov-26 12:00:30 GMT": 30 * time.Second,
		"Sat, 21 Nov 2026 11:00:00 GMT":    0,
		"Sat, 21 Nov 2036 12:00:00 GMT":    24 * time.Hour,
	}
	for value := range want {
		got[value] = parseRetryAfter(value, now)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "7", "-1", "1e9", "Sat, 21 Nov 2026 12:00:30 GMT", fmt.Sprint(uint64(1) << 63)} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d := parseRetryAfter(value, now); d < 0 || d > maxRetryAfter {
			t.Errorf("%q is %v", value, d)
		}
	})
}
