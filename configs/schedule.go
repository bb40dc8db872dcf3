package configs

import (
	"errors"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// minInterval is the shortest time between two runs that a schedule may ask
// for.
const minInterval = time.Minute

// ParseSchedule reads a cron expression: five fields, a descriptor such as
// @hourly, or @every with a duration. It refuses what the cron library accepts
// but we cannot use: a time zone (schedules are in UTC), a date that never
// comes, and @every below one minute.
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
