package plan

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// unseen are characters that an id may have without anybody seeing them.
var unseen = []string{
	"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069",
	"\u061c", "\u034f", "\u115f", "\u3164", "\u180e", "\ufe0f", "\U000e0001", "\U000e0041", "\U000e0100",
}

func TestCanonicalID(t *testing.T) {
	for in, want := range map[string]string{
		"T-1":                       "T-1",
		" T-1\t\r\n":                "T-1",
		"\u00a0\u2003T-1\u3000":     "T-1",
		"\ufeffT-1":                 "T-1",
		"\u00a0\u200b\u00a0T-1":     "T-1",
		"T\u00ad-\u200b1":           "T-1",
		"T 1":                       "T 1",
		"T\u00a01":                  "T\u00a01",
		"t-1":                       "t-1",
		"00123":                     "00123",
		"Cafe\u0301":                "Caf\u00e9",
		"Caf\u200be\u200b\u0301":    "Caf\u00e9",
		"\u0601-7":                  "\u0601-7", // the Arabic sign of a year, which is seen
		"礼物-7":                      "礼物-7",
		strings.Repeat("x", 255):    strings.Repeat("x", 255),
		strings.Repeat("é", 127):    strings.Repeat("é", 127),
		"\u2067T-1\U000e007f\u2069": "T-1",
	} {
		if got, err := CanonicalID(in); got != want || err != nil {
			t.Errorf("%+q became %+q, %v; want %+q", in, got, err, want)
		}
	}
}

func TestCanonicalIDRefuses(t *testing.T) {
	for in, why := range map[string]string{
		"":                       "empty",
		" \u200b\u00a0\ufeff\t":  "empty",
		"secret\x00":             "control",
		"sec\nret":               "control",
		"secret\x85x":            "control",
		"secret\u0085x":          "control",
		"secret\xff":             "invalid",
		"secret\ufffd":           "invalid",
		strings.Repeat("s", 256): "256 bytes",
	} {
		got, err := CanonicalID(in)
		if err == nil || !strings.Contains(err.Error(), why) || got != "" {
			t.Errorf("%+q became %+q, %v; want an error about %q", in, got, err, why)
		} else if strings.Contains(err.Error(), "sec") || strings.Contains(err.Error(), "sss") {
			t.Errorf("the error quotes the id: %v", err)
		}
	}
}

func TestCanonicalIDProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.StringN(1, 40, 200), rapid.SampledFrom([]string{"T-1", "Cafe\u0301", "\u1100\u1161"})).Draw(t, "id")
		want, err := CanonicalID(id)
		if err != nil {
			return
		}
		if again, err := CanonicalID(want); again != want || err != nil {
			t.Fatalf("%+q became %+q, %v when canonical already", want, again, err)
		}
		runes := []rune(id)
		at := rapid.IntRange(0, len(runes)).Draw(t, "at")
		pad := rapid.SliceOf(rapid.SampledFrom(append([]string{" ", "\u00a0", "\t"}, unseen...)))
		variant := strings.Join(pad.Draw(t, "before"), "") + string(runes[:at]) + rapid.SampledFrom(unseen).Draw(t, "within") +
			string(runes[at:]) + strings.Join(pad.Draw(t, "behind"), "")
		if got, err := CanonicalID(variant); got != want || err != nil {
			t.Fatalf("%+q became %+q, %v; want %+q as of %+q", variant, got, err, want, id)
		}
	})
}
