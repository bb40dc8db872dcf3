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

// TestDaysOfAZone tries the ends of days, also of those that a change of clocks
// makes longer or shorter.
func TestDaysOfAZone(t *testing.T) {
	for _, tt := range []struct{ zone, at, day string }{
		{"America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03"}, // 0:00 is left out
		{"America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04"},
		{"America/Havana", "2026-11-01T03:59:59Z", "2026-10-31"}, // 0:00 comes twice
		{"America/Havana", "2026-11-01T04:00:00Z", "2026-11-01"},
		{"America/Havana", "2026-11-01T05:00:00Z", "2026-11-01"},
		{"Asia/Kathmandu", "2026-01-31T18:14:59Z", "2026-01-31"},
		{"Asia/Kathmandu", "2026-01-31T18:15:00Z", "2026-02-01"},
		{"UTC", "1969-12-31T23:59:59Z", "1969-12-31"},
		{"UTC", "1970-01-01T00:00:00Z", "1970-01-01"},
		{"UTC", "1969-12-31T00:00:00Z", "1969-12-31"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		n := dayOf(at, zone)
		if got := dayText(n); got != tt.day || monthText(monthOf(n)) != tt.day[:7] {
			t.Errorf("%s in %s is of %s, %s; want %s", tt.at, tt.zone, got, monthText(monthOf(n)), tt.day)
		}
		if back, err := parseDay(tt.day); back != n || err != nil {
			t.Errorf("%s is day %d (%v), want %d", tt.day, back, err, n)
		}
	}
}
