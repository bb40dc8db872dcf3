package configs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// minInterval is the shortest time between two runs that a schedule may ask
// for.
const minInterval = time.Minute

// ParseSchedule reads a cron expression: five fields, a descriptor such as
// @hourly, or @every with a duration. Like other crons, and unlike the library,
// it reads 7 as Sunday and SAT-SUN as a weekend. It refuses what the library
// accepts but we cannot use: a time zone (schedules are in UTC), a date that
// never comes, and @every below one minute.
//
// The schedule uses the location of the times that it is given: pass UTC.
func ParseSchedule(spec string) (schedule cron.Schedule, err error) {
	// v3.0.1 of the library panics on some malformed expressions.
	defer func() {
		if recover() != nil {
			schedule, err = nil, errNotCron
		}
	}()
	if strings.Contains(spec, "TZ=") {
		return nil, errors.New("names a time zone, but schedules are always in UTC: remove TZ= or CRON_TZ=")
	}
	fields := strings.Fields(spec)
	if err := cronProblem(fields); err != nil {
		return nil, err
	}
	if len(fields) == len(cronFields) {
		fields[4] = wholeWeek(fields[4])
		spec = strings.Join(fields, " ")
	}
	schedule, err = cron.ParseStandard(spec)
	if err != nil {
		return nil, errNotCron
	}
	if every, ok := schedule.(cron.ConstantDelaySchedule); ok && every.Delay < minInterval {
		return nil, errors.New("runs more often than once a minute: use @every 1m or longer")
	}
	if schedule.Next(time.Now().UTC()).IsZero() {
		return nil, errors.New("never comes: name a date that exists")
	}
	return schedule, nil
}

var errNotCron = errors.New(`not a cron expression: use five fields such as "15 * * * *", @hourly or @every 30m`)

// A cronField is one field of an expression.
type cronField struct {
	name     string
	min, max int
	names    string // of the values, from min on
}

var cronFields = []cronField{
	{"minute", 0, 59, ""},
	{"hour", 0, 23, ""},
	{"day of the month", 1, 31, ""},
	{"month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
	{"day of the week", 0, 7, weekdays},
}

// weekdays are the names of the days from 0 to 7, which are both Sunday.
const weekdays = "sun mon tue wed thu fri sat sun"

// cronProblem names the common mistakes in expressions of fields, which the
// library refuses without saying which.
func cronProblem(fields []string) error {
	if len(fields) < 2 || strings.HasPrefix(fields[0], "@") {
		return nil
	}
	if len(fields) != len(cronFields) {
		return fmt.Errorf("has %d fields: use five, which are minute, hour, day of the month, month and day of the week", len(fields))
	}
	for i, f := range cronFields {
		for part := range strings.SplitSeq(fields[i], ",") {
			part, _, _ = strings.Cut(part, "/")
			from, to, isRange := strings.Cut(part, "-")
			a, okA := f.value(from)
			b, okB := f.value(to)
			switch {
			case part == "*" || part == "?":
			case !okA || isRange && !okB:
				return fmt.Errorf("the field of the %s has a value that it cannot have: use %d to %d, and forms such as *, 1-5, 1,3 or */2", f.name, f.min, f.max)
			case isRange && a > b && i < 4:
				return fmt.Errorf("a range of the %s ends before it begins: split it into %d-%d,%d-%d", f.name, a, f.max, f.min, b)
			}
		}
	}
	return nil
}

// value reads a number or name of the field.
func (f cronField) value(text string) (int, bool) {
	if i := slices.Index(strings.Fields(f.names), strings.ToLower(text)); i >= 0 {
		return f.min + i, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= f.min && n <= f.max
}

// wholeWeek rewrites days of the week for the library, whose week ends on
// Saturday: 7 becomes 0, and a range over Sunday a list.
func wholeWeek(field string) string {
	days := cronFields[4]
	parts := strings.Split(field, ",")
	for i, part := range parts {
		span, step, hasStep := strings.Cut(part, "/")
		from, to, isRange := strings.Cut(span, "-")
		a, ok := days.value(from)
		switch {
		case ok && !isRange && !hasStep:
			parts[i] = strconv.Itoa(a % 7)
		case ok && isRange:
			b, okB := days.value(to)
			n, err := strconv.Atoi(step)
			if !hasStep {
				n, err = 1, nil
			}
			if !okB || err != nil || n < 1 {
				continue // the library refuses it
			}
			if b < a {
				b += 7
			}
			var list []string
			for day := a; day <= b; day += n {
				list = append(list, strconv.Itoa(day%7))
			}
			parts[i] = strings.Join(list, ",")
		}
	}
	return strings.Join(parts, ",")
}
