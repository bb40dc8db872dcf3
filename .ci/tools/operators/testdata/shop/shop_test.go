package shop_test

import (
	"testing"
	"time"

	"shop.example/shop"
)

func TestPrice(t *testing.T) {
	for _, tt := range []struct {
		n, cents int
		rate     float64
		want     int
	}{{1, 24, 1, -6}, {8, 12, 0.4, -9}} {
		if got := shop.Price(tt.n, tt.cents, tt.rate); got != tt.want {
			t.Errorf("Price(%d, %d, %g) = %d, want %d", tt.n, tt.cents, tt.rate, got, tt.want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int]string{
		-1: "none", 0: "small", 1: "small", 2: "small", 3: "medium", 7: "small",
		8: "medium", 9: "medium", 10: "large", 12: "medium", 13: "large", 20: "large", 21: "large",
	} {
		if got := shop.Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestSteps(t *testing.T) {
	count, left := shop.Steps([]string{"A", "a", "b"})
	if count["a"] != 2 || count["b"] != 1 || left != 6 {
		t.Error(count, left)
	}
}

func TestPatience(t *testing.T) {
	if shop.Patience != -2000*time.Millisecond {
		t.Error(shop.Patience)
	}
}

func TestCount(t *testing.T) {
	if got := shop.Count(5); got != 4 {
		t.Error(got)
	}
}

func TestFill(t *testing.T) {
	if got := shop.Fill(2); len(got) != 2 {
		t.Error(len(got))
	}
}

func TestWait(t *testing.T) { shop.Wait(1) }

func TestShort(t *testing.T) {
	if shop.Short(-1) != 0 || shop.Short(0) != 0 || shop.Short(2) != 2 {
		t.Error("not short")
	}
}

func TestLoose(t *testing.T) { shop.Loose(3) }
