package configs

import (
	"testing"
	"time"
)

func TestParseSchedule(t *testing.T) {
	at := time.Date(2026, 3, 29, 0, 59, 30, 0, time.UTC) // Europe's summer time begins
	for spec, want := range map[string]time.Duration{
		"@hourly":       30 * time.Second,
		"@every 1m":     time.Minute,
		"@every 90m":    90 * time.Minute,
		"* * * * *":     30 * time.Second,
		"30 2 * * *":    90*time.Minute + 30*time.Second,
		"15,45 * * * *": 15*time.Minute + 30*time.Second,
	} {
		schedule, err := ParseSchedule(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
		} else if got := schedule.Next(at).Sub(at); got != want {
			t.Errorf("%s: next after %v, want %v", spec, got, want)
		}
	}
	const (
		notCron = `not a cron expression: use five fields such as "15 * * * *", @hourly or @every 30m`
		zone    = "names a time zone, but schedules are always in UTC: remove TZ= or CRON_TZ="
		often   = "runs more often than once a minute: use @every 1m or longer"
		never   = "never comes: name a date that exists"
	)
	for spec, want := range map[string]string{
		"":                    notCron,
		"* * * *":             notCron,
		"0 0 * * * *":         notCron,
		"60 * * * *":          notCron,
		"@reboot":             notCron,
		"@every":              notCron,
		"@every soon":         notCron,
		"TZ=0":                zone,
		"CRON_TZ=":            zone,
		"TZ=UTC 0 * * * *":    zone,
		"CRON_TZ=UTC @hourly": zone,
		" TZ=UTC 0 * * * *":   zone,
		"@every 0s":           often,
		"@every 1ms":          often,
		"@every -5s":          often,
		"@every 59s":          often,
		"0 0 31 2 *":          never,
		"0 0 30 2 *":          never,
		"0 0 31 4,6,9,11 *":   never,
	} {
		if _, err := ParseSchedule(spec); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", spec, err, want)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, spec := range []string{"@hourly", "TZ=0", "0 0 31 2 *", "@every -5s", "*/5 0-6 1,15 * MON-FRI"} {
		f.Add(spec)
	}
	now := time.Now().UTC()
	f.Fuzz(func(t *testing.T, spec string) {
		schedule, err := ParseSchedule(spec)
		if (schedule == nil) != (err != nil) {
			t.Fatalf("schedule %v with error %v", schedule, err)
		}
		if err != nil {
			return
		}
		first := schedule.Next(now)
		if !first.After(now) || first.Location() != time.UTC {
			t.Fatalf("next after %v is %v", now, first)
		}
		if second := schedule.Next(first); !second.IsZero() && second.Sub(first) < time.Minute {
			t.Fatalf("runs at %v and at %v", first, second)
		}
	})
}
