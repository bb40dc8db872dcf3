package configs

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// day is 24 hours; settings in days do not mean calendar days.
const day = 24 * time.Hour

// A Duration is a span that may be written in whole days (90d) as well as in
// Go's notation (12h, 15m). It is never negative.
type Duration time.Duration

// UnmarshalText reads a duration. Its error does not quote the text.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > uint64(math.MaxInt64/day) {
			return errors.New("not a number of days")
		}
		*d = Duration(time.Duration(n) * day)
		return nil
	}
	span, err := time.ParseDuration(s)
	if err != nil || span < 0 {
		return errors.New("not a duration")
	}
	*d = Duration(span)
	return nil
}

// String writes whole days as such and anything else in Go's notation.
func (d Duration) String() string {
	if span := time.Duration(d); span != 0 && span%day == 0 {
		return strconv.FormatInt(int64(span/day), 10) + "d"
	}
	return time.Duration(d).String()
}
