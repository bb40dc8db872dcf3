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
		"  5 * * * * ":  5*time.Minute + 30*time.Second,
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
		fields4 = "has 4 fields: use five, which are minute, hour, day of the month, month and day of the week"
		fields6 = "has 6 fields: use five, which are minute, hour, day of the month, month and day of the week"
		minute  = "the field of the minute has a value that it cannot have: use 0 to 59, and forms such as *, 1-5, 1,3 or */2"
		weekday = "the field of the day of the week has a value that it cannot have: use 0 to 7, and forms such as *, 1-5, 1,3 or */2"
		monthly = "the field of the day of the month has a value that it cannot have: use 1 to 31, and forms such as *, 1-5, 1,3 or */2"
		zone    = "names a time zone, but schedules are always in UTC: remove TZ= or CRON_TZ="
		often   = "runs more often than once a minute: use @every 1m or longer"
		never   = "never comes: name a date that exists"
	)
	for spec, want := range map[string]string{
		"":                    notCron,
		"hourly":              notCron,
		"* * * *":             fields4,
		"0 0 * * * *":         fields6,
		"60 * * * *":          minute,
		"x * * * *":           minute,
		"5,,6 * * * *":        minute,
		"1- * * * *":          minute,
		"*/0 * * * *":         notCron,
		"0 0 * * 8":           weekday,
		"0 0 * * FRIDAY":      weekday,
		"0 0 * * 5L":          weekday,
		"0 0 * * 1-5/x":       notCron,
		"0 0 * * 1-5/0":       notCron,
		"0 0 L * *":           monthly,
		"0 0 0 * *":           monthly,
		"0 22-2 * * *":        "a range of the hour ends before it begins: split it into 22-23,0-2",
		"0 0 * NOV-FEB *":     "a range of the month ends before it begins: split it into 11-12,1-2",
		"50-10 * * * *":       "a range of the minute ends before it begins: split it into 50-59,0-10",
		"0 0 25-5 * *":        "a range of the day of the month ends before it begins: split it into 25-31,1-5",
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

// TestDaysOfTheWeek: Sunday is both 0 and 7, and a range may go over it.
func TestDaysOfTheWeek(t *testing.T) {
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for field, want := range map[string]string{
		"*": "1111111", "?": "1111111", "*/2": "0101011", // days from Monday on
		"0": "0000001", "7": "0000001", "SUN": "0000001", "sun": "0000001",
		"SAT-SUN": "0000011", "6-7": "0000011", "Sat-0": "0000011",
		"FRI-MON": "1000111", "5-1": "1000111", "5-7,1": "1000111",
		"7-2": "1100001", "0-7": "1111111", "SUN-SAT": "1111111", "7-7": "0000001",
		"MON-FRI": "1111100", "1,3,7": "1010001", "1-7/2": "1010101", "SAT-TUE/2": "1000010",
		"2-2": "0100000",
	} {
		schedule, err := ParseSchedule("0 12 * * " + field)
		if err != nil {
			t.Errorf("%s: %v", field, err)
			continue
		}
		got := []byte("0000000")
		for at := schedule.Next(monday); at.Before(monday.AddDate(0, 0, 7)); at = schedule.Next(at) {
			got[int(at.Sub(monday)/(24*time.Hour))] = '1'
		}
		if string(got) != want {
			t.Errorf("%s: runs on %s, want %s", field, got, want)
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
