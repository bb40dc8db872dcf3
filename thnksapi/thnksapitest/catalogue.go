package thnksapitest

import "strconv"

// An item is a gift with its usual price in US dollars.
type item struct {
	Gift
	price  string
	weight int // how often it is sent, relative to the others
}

// catalogue returns what can be sent.
func catalogue() []item {
	return []item{
		{Gift{5659, "Morning Coffee", "Coffee"}, "7.50", 22},
		{Gift{5660, "Iced Coffee and Donut", "Coffee"}, "9.00", 9},
		{Gift{5661, "Coffee for the Team", "Coffee"}, "35.00", 4},
		{Gift{5671, "Lunch on Us", "Lunch"}, "25.00", 14},
		{Gift{5672, "Team Pizza Lunch", "Lunch"}, "60.00", 4},
		{Gift{5673, "Salad Bowl", "Lunch"}, "16.50", 5},
		{Gift{5681, "Afternoon Smoothie", "Snacks"}, "8.75", 7},
		{Gift{5682, "Cupcake Pick-Me-Up", "Snacks"}, "12.00", 7},
		{Gift{5683, "Box of Cookies", "Snacks"}, "24.95", 5},
		{Gift{5691, "Glass of Wine", "Happy Hour"}, "15.00", 6},
		{Gift{5692, "Cocktail Hour", "Happy Hour"}, "30.00", 3},
		{Gift{5701, "Movie Night", "Experiences"}, "28.00", 4},
		{Gift{5702, "Spa Afternoon", "Experiences"}, "95.00", 1},
		{Gift{5711, "Ride Home", "Travel"}, "20.00", 4},
		{Gift{5712, "Lounge Pass", "Travel"}, "45.00", 1},
		{Gift{5721, "Plant a Tree", "Donation"}, "10.00", 6},
		{Gift{5722, "Meals for a Family", "Donation"}, "50.00", 3},
		{Gift{5731, "Bouquet of Flowers", "Flowers"}, "65.00", 2},
	}
}

func itemByID(id string) (item, bool) {
	for _, i := range catalogue() {
		if strconv.Itoa(i.ID) == id {
			return i, true
		}
	}
	return item{}, false
}

// messages returns what senders write; %s is the recipient's first name.
func messages() []string {
	return []string{
		"Hi %s, thank you for your time today. Enjoy!",
		"%s, we could not have done the launch without you.",
		"Happy anniversary, %s! Here is to many more years together.",
		"Thanks for the introduction, %s. This one is on me.",
		"A small pick-me-up for a long week, %s.",
		"Hello %s, it was a pleasure to meet you at the conference.",
		"Good luck with the move, %s!",
		"Thank you for the kind review, %s.",
		"Sorry again for the mix-up, %s. I hope this makes the afternoon better.",
		"Congratulations on the new role, %s!",
		"%s, thank you for renewing with us.",
		"Looking forward to our call, %s. Coffee is on us.",
	}
}
