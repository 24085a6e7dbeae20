"""Run to record Python: the orders of a shop, as objects and as text."""

WARES = ["apple", "bread", "cheese", "dates", "eggs", "figs", "grapes"]
state = 42


def below(n):
    global state
    state = (state * 1103515245 + 12345) % 2**31
    return (state >> 16) % n


class Order:
    def __init__(self, number, customer, lines):
        self.number, self.customer, self.lines = number, customer, lines

    def total(self):
        return sum(amount * price for _, amount, price in self.lines)

    def text(self):
        lines = ["%s:%d:%.2f" % line for line in self.lines]
        return "%d;%s;%s" % (self.number, self.customer, ",".join(lines))


def order(number):
    lines = [(WARES[below(len(WARES))], 1 + below(9), (50 + below(900)) / 100)
             for _ in range(1 + below(6))]
    return Order(number, "customer-%d" % below(40), lines)


def parse(text):
    number, customer, lines = text.split(";")
    fields = [line.split(":") for line in lines.split(",")]
    return Order(int(number), customer,
                 [(ware, int(amount), float(price))
                  for ware, amount, price in fields])


orders = [order(number) for number in range(25)]
text = "\n".join(order.text() for order in orders)
orders = [parse(line) for line in text.splitlines()]
by_customer = {}
for order in orders:
    by_customer.setdefault(order.customer, []).append(order)
for customer, theirs in sorted(by_customer.items()):
    total = sum(order.total() for order in theirs)
    print("%-14s %3d %8.2f" % (customer, len(theirs), total))
sold = {}
for order in orders:
    for ware, amount, _ in order.lines:
        sold[ware] = sold.get(ware, 0) + amount
print(sorted(sold.items(), key=lambda pair: (-pair[1], pair[0])))
