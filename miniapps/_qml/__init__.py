"""What the mini-apps of the QML pipeline share: images, their encoding, the compression circuit, the classifier.

Light: this door loads only the standard library. What computes is one import further down:

``images``, ``cifar``
    Sets of small RGB images: crops of photographs that travel with scikit-image and scikit-learn, or CIFAR-10 files.
``encoding``
    Image to quantum state (3 colour + address qubits) and back (numpy).
``ansatz``
    The circuit that a state is compressed into: gate order, angles, exact SO(4) decomposition, gate list (numpy).
``compression``
    Fitting the angles: sweeps and quasi-Newton refinement (jax, scipy).
``classifier``
    The variational classifier as dense linear algebra: loss, gradient, training (jax, optax).
``backend``
    How JAX is set up in a worker, and which device it computes on (jax).

Wires are counted from the most significant bit of a basis state, as in PennyLane: wire 0 is the highest bit.
"""
