package hubspot

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSharedPace has two clients of one account call it at once. Together they
// keep to its limits and reach the target, none of their calls is taken for one
// of another app, and the lower of their caps counts.
func TestSharedPace(t *testing.T) {
	for _, tt := range []struct {
		name     string
		class    Class
		limit    int
		target   float64
		interval time.Duration
		policy   string
		most     [2]int
	}{
		{"objects", Objects, 110, 104, 10 * time.Second, policyTenSecondly, [2]int{}},
		{"objects, one capped", Objects, 110, 50, 10 * time.Second, policyTenSecondly, [2]int{0, 50}},
		{"objects, both capped", Objects, 110, 40, 10 * time.Second, policyTenSecondly, [2]int{40, 70}},
		{"associations", Associations, 100, 90, 10 * time.Second, policyTenSecondly, [2]int{}},
		{"search", Search, 5, 4.75, time.Second, policySecondly, [2]int{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &rollingPortal{
					limit: tt.limit, interval: tt.interval, headers: tt.class != Search, policy: tt.policy,
					latency: jitter(25*time.Millisecond, 75*time.Millisecond),
				}
				pace := NewPace()
				var clients sync.WaitGroup
				var mu sync.Mutex
				late, began := 0, time.Now()
				for _, most := range tt.most {
					c := clientOver(t, p, func(cfg *Config) { cfg.Pace, cfg.RequestsPer10s = pace, most })
					clients.Go(func() {
						n, _ := flood(t, c, tt.class, 1000, 6, tt.interval)
						mu.Lock()
						defer mu.Unlock()
						late += n
					})
				}
				clients.Wait()
				rate := float64(late) / (time.Since(began) - tt.interval).Seconds()
				target := tt.target / tt.interval.Seconds()
				if p.refused > 0 || rate > 1.02*target || rate < 0.8*target {
					t.Errorf("%d refused, %.2f calls/s, want %.2f", p.refused, rate, target)
				}
				if n := len(pace.objects.foreign); n > 0 {
					t.Errorf("calls of one client were taken for those of others: %+v", pace.objects.foreign)
				}
			})
		})
	}
}
