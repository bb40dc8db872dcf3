package configs

import (
	"fmt"
	"strings"
	"testing"
)

// TestTimeFormats tries formats that read every time right, and formats that
// would read some wrong without an error.
func TestTimeFormats(t *testing.T) {
	t.Parallel()
	const (
		text  = "compared as text and not read"
		short = "abbreviation"
		shape = "neither a known name nor a Go layout"
		day   = "does not read the day"
		hour  = "does not read the hour"
	)
	for format, want := range map[string]string{
		"rfc3339": "", "date": "", "epoch_s": "", "epoch_ms": "",
		"2006-01-02T15:04:05Z07:00":          "",
		"2006-01-02T15:04:05.000Z0700":       "",
		"2006-01-02T15:04:05,999":            "",
		"2006-01-02 15:04:05 -0700":          "",
		"2006-01-02 15:04:05 -07:00":         "",
		"2006-01-02 15:04:05-07":             "",
		"Mon, 02 Jan 2006 15:04:05 -0700":    "",
		"Monday, January 2, 2006 at 3:04 PM": "",
		"02.01.2006 15:04 Uhr":               "",
		"2 Jan 2006 15h04m05s":               "",
		"2006-01-02 15H04":                   "",
		"15:04 02-01-2006":                   "",
		"15:04:05 2006-01-02":                "",
		"20060102 150405":                    "",
		"01/02/06 03:04:05pm":                "",
		"2006-01-02":                         "",
		"2006-002":                           "",
		"Mon Jan _2 15:04:05 -0700 2006":     "",
		"01/02/2006 15:04:05.000":            "",
		"2006-01-02 15:04:05 MST":            short,
		"Mon Jan _2 15:04:05 MST 2006":       short,
		"2006-01-02 15:04:05 UTC":            text,
		"2006-01-02 15:04:05 utc":            text,
		"2006-01-02 15:04:05 UT":             text,
		"2006-01-02T15:04:05Z":               text,
		"2006-01-02T15:04:05z":               text,
		"2006-01-02T15:04:05.000Z":           text,
		"Mon, 02 Jan 2006 15:04:05 GMT":      text,
		"2006-01-02 15:04:05 GMT+01:00":      text,
		"2006-01-02 15:04 CET":               text,
		"2006-01-02 15:04 Europe/Amsterdam":  text,
		"2006-01-02 15:04 America/New_York":  text,
		"2006-01-02 15:04 (EDT)":             text,
		"2006-01-02T15:04:05+0100":           text,
		"2006-01-02T15:04:05+01:00":          text,
		"2006-01-02T15:04:05+00":             text,
		"Mon Jan _2 15:04:05 +0100 2006":     text,
		"Mon Jan _2 15:04:05 -0500 2006":     text,
		"2006-01-02T15:04:05.000+00:00":      text,
		"2006-01-02 15:04:05 +0700":          text,
		"2006-01-02 15:04:05 +07:00":         text,
		"2006-01-02T15:04:05-0500":           text,
		"2006-01-02T15:04:05-05:00":          text,
		"2006-01-02 3:04 PM -08:00":          text,
		"2006-01-02 03:04:05":                hour,
		"2006-01-02 3:04":                    hour,
		"01/02 15:04":                        day,
		"2006-01":                            day,
		"15:04:05":                           day,
		"yyyy-MM-dd":                         day,
		"dd/mm/yyyy":                         day,
		"rfc-3339":                           shape,
		"":                                   day,
	} {
		what, remedy := layoutProblem(format)
		if want == "" && what != "" || !strings.Contains(what, want) || (what == "") != (remedy == "") {
			t.Errorf("%q: %s: %s; want %q", format, what, remedy, want)
		}
	}
	got := messages(t, in("api_key_file", "      api_key_file: a\n      dialect: {time_formats: [rfc3339, \"2006-01-02T15:04:05Z\", date, \"2006-01-02 15:04 MST\"]}"))
	want := fmt.Sprintf("F:7: portals[0].thnks.dialect.time_formats[1]: names a time zone, which is compared as text and not read: %s\n"+
		"F:7: portals[0].thnks.dialect.time_formats[3]: reads a zone's abbreviation, which does not say how far it is from UTC: %[1]s", zoneRemedy)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
