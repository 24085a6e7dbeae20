// Compiled to record the C++ compiler: templates, lambdas, virtual functions,
// and no headers, which would be most of the work.
using size_t = decltype(sizeof 0);
inline void *operator new(size_t, void *place) noexcept {
  return place;
}

template <class T> class List {
public:
  List() = default;
  List(const List &) = delete;
  ~List() {
    for (size_t i = 0; i < count_; i++) items_[i].~T();
    ::operator delete(items_);
  }
  void add(const T &item) {
    if (count_ == capacity_) grow();
    new (&items_[count_++]) T(item);
  }
  template <class F> void each(F f) const {
    for (size_t i = 0; i < count_; i++) f(items_[i]);
  }
  template <class U, class F> U fold(U start, F f) const {
    each([&](const T &item) { start = f(start, item); });
    return start;
  }

private:
  void grow() {
    capacity_ = capacity_ ? 2 * capacity_ : 4;
    T *items = static_cast<T *>(::operator new(capacity_ * sizeof(T)));
    for (size_t i = 0; i < count_; i++) {
      new (&items[i]) T(items_[i]);
      items_[i].~T();
    }
    ::operator delete(items_);
    items_ = items;
  }
  T *items_ = nullptr;
  size_t count_ = 0, capacity_ = 0;
};

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};

struct Circle final : Shape {
  explicit Circle(double radius) : radius_(radius) {}
  double area() const override { return 3.14159265 * radius_ * radius_; }
  double radius_;
};

struct Rectangle : Shape {
  Rectangle(double width, double height) : width_(width), height_(height) {}
  double area() const override { return width_ * height_; }
  double width_, height_;
};

struct Square final : Rectangle {
  explicit Square(double side) : Rectangle(side, side) {}
};

template <size_t N> struct Power {
  static constexpr double of(double x) { return x * Power<N - 1>::of(x); }
};
template <> struct Power<0> {
  static constexpr double of(double) { return 1; }
};

template <class... Numbers> constexpr auto sum(Numbers... numbers) {
  return (numbers + ... + 0);
}

int main() {
  List<Shape *> shapes;
  List<double> areas;
  for (int i = 1; i < 10; i++) {
    shapes.add(new Circle(i));
    shapes.add(new Rectangle(i, sum(i, 1, 2)));
    shapes.add(new Square(Power<3>::of(i)));
  }
  shapes.each([&](const Shape *shape) { areas.add(shape->area()); });
  double total = areas.fold(0.0, [](double a, double b) { return a + b; });
  shapes.each([](Shape *shape) { delete shape; });
  return total > 0 ? 0 : 1;
}
