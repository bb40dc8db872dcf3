package stats

import (
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

func TestFilterCheck(t *testing.T) {
	for _, tt := range []struct {
		filter Filter
		bad    string
	}{
		{Filter{}, ""},
		{Filter{From: "2026-01-31", To: "2026-01-31", Status: plan.Sent, Currency: "usd"}, ""},
		{Filter{From: "2026-02-30"}, "is no day"},
		{Filter{To: "yesterday"}, "is no day"},
		{Filter{From: "2026-02-02", To: "2026-02-01"}, "ends before it begins"},
		{Filter{Status: "opend"}, "no status"},
	} {
		err := tt.filter.Check()
		if (err == nil) != (tt.bad == "") || err != nil && !strings.Contains(err.Error(), tt.bad) {
			t.Errorf("%+v: %v", tt.filter, err)
		}
	}
}

// TestDaysOfAZone tries days that begin at another time than 0:00.
func TestDaysOfAZone(t *testing.T) {
	for _, tt := range []struct{ zone, day, first string }{
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"}, // 0:00 is left out
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"},    // 0:00 comes twice
		{"Europe/Berlin", "2026-03-29", "2026-03-29T00:00:00+01:00"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := startOf(tt.day, zone)
		if err != nil || got.Format(time.RFC3339) != tt.first {
			t.Errorf("%s %s begins at %v (%v), want %s", tt.zone, tt.day, got, err, tt.first)
		}
	}
}
